"""`Study`: what a stored study holds, read anew each time it is asked, so that it may be running elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import Problem, UsageError
from search.records import Configuration, Purpose, StudyRecord, Trial, Verdict
from search.records.wording import describe_configuration, show_value
from search.storage import Storage, open_storage

if TYPE_CHECKING:
    import pandas as pd

    from search.figures import Figure
    from search.followup.refit import KerasModel
    from search.reporting.report import Plots
    from search.reporting.summaries import Best, Status

_SUFFIXES = {".py": "python", ".yml": "yaml"}
"""Of files, those that are not called like their format."""


class Study:
    """A study in a database, for programs and notebooks.

    Every attribute and every call opens the database, reads, and closes it: what comes is how the study stands at that
    moment, also while another process runs it, and no connection stays open between the cells of a notebook. A frame
    that was taken does not change any more.

        >>> study = search.load("moons")  # doctest: +SKIP
        >>> study.trials.nsmallest(5, "score")  # doctest: +SKIP
        >>> study.plot("curves")  # doctest: +SKIP

    It comes from `search.run` and `search.load`.

    Args:
        url: The database.
        name: The study.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name

    @property
    def name(self) -> str:
        """Its name in the database."""
        return self._name

    @property
    def storage(self) -> str:
        """The database's URL, passwords masked."""
        with self._opened() as storage:
            return storage.url_shown

    @property
    def record(self) -> StudyRecord:
        """The study as the database holds it: its resolved file (`record.spec`), facts of its data, its total."""
        with self._opened() as storage:
            return storage.study(self._name)

    @property
    def metric(self) -> str:
        """Name of the score."""
        return self.record.metric

    @property
    def direction(self) -> str:
        """`minimize` or `maximize`."""
        return self.record.direction

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about data, split and settings."""
        return self.record.notes

    @property
    def status(self) -> Status:
        """How far it is: its state, trials that ended, who works on it."""
        from search.reporting.summaries import summarize_status

        with self._opened() as storage:
            return summarize_status(storage, self._name)

    @property
    def state(self) -> str:
        """`running`, `draining`, `interrupted`, `finished` or `stopped`, as `regsearch status` tells."""
        return self.status.state

    @property
    def summary(self) -> Best:
        """What was found: `summary.to_json()` is what `regsearch best --format json` prints."""
        from search.reporting.summaries import summarize_best

        with self._opened() as storage:
            return summarize_best(storage, self._name)

    @property
    def baseline(self) -> Trial | None:
        """Trial 0, everything off; None while it has no score."""
        return self.summary.choice.baseline

    @property
    def best(self) -> Trial | None:
        """The trial with the best score; None while none has one."""
        return self.summary.choice.best

    @property
    def chosen(self) -> Trial | None:
        """The trial that the study ends with: the baseline where nothing beats it; None while none has a score."""
        return self.summary.choice.chosen

    @property
    def configuration(self) -> Configuration | None:
        """That of the chosen trial; a technique that is off is absent."""
        chosen = self.chosen
        return None if chosen is None else chosen.configuration

    @property
    def verdict(self) -> Verdict | None:
        """What the confirmation found; None where there was none, or where trials have ended since."""
        return self.summary.choice.verdict

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about the choice; empty where nothing is odd."""
        return self.summary.advice

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial: `trial`, `state`, `baseline`, `score`, a column for each name of [space], NA where it is
        off, `seconds`, `started`, `completed` and `error`.
        """
        from search.api.frames import trials_frame

        with self._opened() as storage:
            return trials_frame(storage, storage.study(self._name))

    @property
    def runs(self) -> pd.DataFrame:
        """One row a run: `purpose` (`search` or `confirmation`), `trial`, `fold`, `repeat`, `seed`, `score`,
        `epochs_trained`, `best_epoch`, `penalty`, `seconds`, `engine`, `worker`, `cause` and `error`.
        """
        from search.api.frames import runs_frame

        with self._opened() as storage:
            return runs_frame(storage, storage.study(self._name))

    @property
    def curves(self) -> pd.DataFrame:
        """One row an epoch of a run, as `curves_of` without trials.

        Raises:
            UsageError: All curves together have more than 5 million epochs; `curves_of` takes those of some trials.
        """
        return self.curves_of()

    def curves_of(self, trial: int | Iterable[int] | None = None, purpose: str | None = None) -> pd.DataFrame:
        """Losses and metric, epoch by epoch, without penalties.

        Args:
            trial: One number, or several; None for all.
            purpose: `search` or `confirmation`; None for both.

        Returns:
            `purpose`, `trial`, `fold`, `repeat`, `epoch` (from 1), `train_loss`, `validation_loss`,
            `validation_metric` and `stop_loss` (float32; NaN for a run without stop rows).

        Raises:
            UsageError: There is no such trial or purpose, or they have more than 5 million epochs.
        """
        from search.api.frames import curves_frame

        known = {each.value: each for each in (Purpose.SEARCH, Purpose.CONFIRMATION)}
        if purpose is not None and purpose not in known:
            message = f"expected {' or '.join(known)}, received {purpose!r}"
            raise UsageError(Problem("purpose", message))
        wanted = None if trial is None else list(trial) if isinstance(trial, Iterable) else [trial]
        with self._opened() as storage:
            return curves_frame(storage, storage.study(self._name), wanted, None if purpose is None else known[purpose])

    def plot(self, kind: str = "curves", over: str | None = None) -> Figure:
        """A Plotly figure.

        Args:
            kind: As `regsearch plot --kind`: `curves`, `finalists`, `path` ...
            over: Of a path, the name that is swept.

        Raises:
            UsageError: There is no such kind, or what is to be drawn is not known yet.
            StudyFailedError: No trial has a score.
        """
        from search.reporting.plots import KINDS, draw

        if kind not in KINDS:
            raise UsageError(Problem("kind", f"expected one of {', '.join(KINDS)}, received {kind!r}"))
        with self._opened() as storage:
            return draw(storage, self._name, kind, over)

    def report(self, path: str | Path, *, plots: Plots = "interactive") -> Path:
        """Write what was found as a page that needs no network.

        Args:
            path: FILE.html.
            plots: How figures are drawn: `interactive`, by Plotly, some 2 MB; `svg`, in a small page without scripts.

        Returns:
            The path.

        Raises:
            UsageError: It does not end in .html, or cannot be written.
        """
        from search.reporting.exports import write_export
        from search.reporting.report import gather_report, report_html

        file = Path(path)
        if file.suffix.lower() not in (".html", ".htm"):
            raise UsageError(Problem("path", f"expected a path that ends in .html, received {file}"))
        with self._opened() as storage:
            gathered = gather_report(storage, self._name)
        write_export(report_html(gathered, plots=plots), file)
        return file

    def export(self, path: str | Path, format: str | None = None, trial: int | None = None) -> Path:
        """Write the chosen configuration to a file, as `regsearch export` does.

        Args:
            path: The file.
            format: As `--format`; default: as the path ends.
            trial: Another trial than the chosen one.

        Returns:
            The path.

        Raises:
            UsageError: There is no such format or trial, or the file cannot be written.
            StudyFailedError: No trial has a score.
        """
        from search.reporting.exports import EXPORTS

        file = Path(path)
        named = format or next(
            (name for name, export in EXPORTS.items() if file.suffix in (export.suffix, f".{name}")),
            _SUFFIXES.get(file.suffix, file.suffix or "none"),
        )
        if named not in EXPORTS:
            place = "path" if format is None else "format"
            raise UsageError(Problem(place, f"expected one of {', '.join(EXPORTS)}, received {named}"))
        EXPORTS[named].check(file)
        with self._training() if EXPORTS[named].suffix == ".keras" else self._opened() as storage:
            EXPORTS[named].write(storage, self._name, file, **({} if trial is None else {"trial": trial}))
        return file

    def model(self, trial: int | None = None, *, trust: bool = False) -> KerasModel:
        """The Keras model with the chosen configuration, trained once more on all rows that are not sealed.

        This trains in this process, which is left as it was.

        Args:
            trial: Another trial than the chosen one.
            trust: Run the code that the model comes with, model.custom of the study.

        Raises:
            StudyFailedError: No trial has a score, or this training failed.
            UsageError: The data is not what it was, or there is no such trial.
        """
        from search.followup.refit import refit_study
        from search.user_code import code_trusted

        with code_trusted() if trust else contextlib.nullcontext(), self._training() as storage:
            return refit_study(storage, self._name, trial).model

    def __repr__(self) -> str:
        """A summary in a few lines."""
        found, status = self.summary, self.status
        study, choice = found.study, found.choice
        total = f"{found.n_trials} of {study.n_trials} trials"
        lines = [f"Study({study.name!r}: {status.state}, {total}, {study.metric}, {study.direction}"]
        for called, trial in (("baseline", choice.baseline), ("chosen", choice.chosen)):
            if trial is not None:
                told = describe_configuration(trial.configuration, study.facts)
                lines.append(f"  {called:<9} {show_value(trial.score):>8}  trial {trial.number}: {told}")
        if choice.best is None:
            lines.append("  no trial has a score yet")
        if choice.verdict is not None:
            lines.append(f"  {choice.verdict.answer}")
        return "\n".join(lines) + ")"

    def _repr_html_(self) -> str:
        from search.api.notebook_view import study_html

        with self._opened() as storage:
            return study_html(storage, self._name)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Storage]:
        with open_storage(self._url) as storage:
            yield storage

    @contextlib.contextmanager
    def _training(self) -> Iterator[Storage]:
        """The database, and this process, which trains and is left as it was."""
        from search.api._process import training_process

        with training_process(), self._opened() as storage:
            yield storage

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Study) and (self._url, self._name) == (other._url, other._name)

    def __hash__(self) -> int:
        return hash((self._url, self._name))
