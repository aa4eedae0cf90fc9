"""Everything that there is of a choice in one folder, with checksums: written whole, and replaced whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.errors import Problem, UsageError
from search.reporting.csv_tables import runs_csv, trials_csv
from search.reporting.exports._base import Export, TextExport
from search.reporting.exports.card import gather_card, model_card
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.reporting.exports.writing import check_place, staged
from search.reporting.summaries import list_trials
from search.selection import Ensemble
from search.storage import Storage

CHECKSUMS, INDEX = "SHA256SUMS", "README.md"
_MARK = "<!-- Written by `regsearch export --all`, which replaces this folder as a whole. -->"


@dataclass(frozen=True)
class ExportedFolder:
    """What was written.

    Args:
        files: Name of each file to what it is.
        left_out: Name of each format that does not suit the study, to the reason.
        ensemble: The ensemble whose model was written, where that was asked for.
    """

    files: Mapping[str, str]
    left_out: Mapping[str, str]
    ensemble: Ensemble | None = None


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not to be replaced, before any work is done for it.

    Raises:
        UsageError: It cannot be written, is a file, or holds what another than `export_folder` put there.
    """
    if Path.cwd().is_relative_to(folder.resolve()):
        # It is swapped with another: whoever stands in it would be left in one that is gone.
        raise _refused(f"expected another folder than the current one, received {folder}")
    if not folder.is_dir():
        check_place(folder)
        if folder.exists():
            raise _refused(f"expected a folder, or a path where there is nothing, received {folder}")
        return
    if not os.access(folder.resolve().parent, os.W_OK | os.X_OK):
        raise _refused(f"expected a path that can be written, received {folder}: {os.strerror(errno.EACCES)}")
    names = {path.name for path in folder.iterdir()}
    foreign = names - _listed(folder)
    if foreign:
        message = f"expected an empty folder, or one that export --all wrote, received {folder} with {min(foreign)!r}"
        raise _refused(message, "Name a folder that is not there yet.")


def export_folder(
    exports: Mapping[str, Export],
    storage: Storage,
    study: str,
    folder: Path,
    trial: int | None = None,
    *,
    ensemble: bool = False,
) -> ExportedFolder:
    """Write the choice of a study in every format, its card, the report and the tables into a folder of their own.

    Args:
        exports: The formats, by name.
        storage: An open database.
        study: The study's name.
        folder: What takes its place when all is written.
        trial: Another trial than the chosen one.
        ensemble: Whether the trained model is the mean of the study's finalists.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score, or a training failed.
        UsageError: The folder is not to be replaced or cannot be written, or the data is not what it was.
    """
    from search.reporting.report import gather_report, report_html

    check_folder(folder)
    chosen = gather_chosen(storage, study, trial)
    texts, left_out = _texts(exports, chosen, folder.resolve())
    stem = "best" if trial is None else f"trial-{trial}"
    record, trials = list_trials(storage, study)
    files = {f"{stem}{exports[name].ending}": exports[name].help or f"the configuration, as {name}" for name in texts}
    others = {
        "report.html": (report_html(gather_report(storage, study)), "what the study found, as a page"),
        "trials.csv": (trials_csv(record, trials), "one row a trial"),
        "runs.csv": (runs_csv(storage.runs(record.study_id)), "one row a run of the search"),
    }
    with staged(folder if folder.name not in ("", "..") else folder.resolve()) as written:
        written.mkdir()
        for name, text in texts.items():
            _write(written / f"{stem}{exports[name].ending}", text)
        averaged = None
        for export in exports.values():
            if isinstance(export, TextExport):
                continue
            path = written / f"{'ensemble' if ensemble else stem}{export.ending}"
            with _of_folder():
                if ensemble:
                    averaged = export.write_ensemble(storage, study, path)
                else:
                    export.write(storage, study, path, **({} if trial is None else {"trial": trial}))
            files[path.name] = "the mean of the finalists, trained once more" if ensemble else export.help
        card = model_card(gather_card(storage, study, trial, averaged), sorted(files))
        files[f"{stem}.card.md"] = "the model card"
        _write(written / f"{stem}.card.md", card)
        for name, (text, told) in others.items():
            _write(written / name, text)
            files[name] = told
        files[INDEX] = "this page"
        _write(written / INDEX, _index(chosen, files, left_out))
        _write(written / CHECKSUMS, _checksums(written))
    return ExportedFolder(files, left_out, averaged)


@contextlib.contextmanager
def _of_folder() -> Iterator[None]:
    """A file that cannot be written is a folder that cannot: users know that one's name alone."""
    try:
        yield
    except UsageError as error:
        raise error.__cause__ if isinstance(error.__cause__, OSError) else error  # noqa: B904  # as it was


def _texts(exports: Mapping[str, Export], chosen: Chosen, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The text of every format that is one; and why others do not suit the study."""
    texts, left_out = dict[str, str](), dict[str, str]()
    for name, export in exports.items():
        if isinstance(export, TextExport):
            try:
                texts[name] = export.render_in(chosen, folder)
            except UsageError as error:
                left_out[name] = "; ".join(problem.message for problem in error.problems)
    return texts, left_out


def _listed(folder: Path) -> set[str]:
    """Names of the files that an earlier export wrote into a folder; none where it is another's."""
    try:
        if (folder / INDEX).read_text(encoding="utf-8").partition("\n")[0] != _MARK:
            return set()
        lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return set()
    return {CHECKSUMS, *(line.partition("  ")[2] for line in lines)}


def _refused(message: str, remedy: str = "") -> UsageError:
    return UsageError(Problem("--output", message, remedy))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _index(chosen: Chosen, files: Mapping[str, str], left_out: Mapping[str, str]) -> str:
    """The page that says what is in the folder."""
    lines = [_MARK, f"# {chosen.study.name}, trial {chosen.best.number}", "", "| file | what it is |", "| --- | --- |"]
    lines += [f"| [{name}]({name}) | {told} |" for name, told in files.items()]
    lines += [f"| [{CHECKSUMS}]({CHECKSUMS}) | `sha256sum -c {CHECKSUMS}` checks all of these |", ""]
    if left_out:
        lines += ["Left out:", "", *(f"- {name}: {_one_line(reason)}" for name, reason in left_out.items()), ""]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _checksums(folder: Path) -> str:
    paths: Sequence[Path] = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
