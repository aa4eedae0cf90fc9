"""What a study says in a notebook while it runs: a bar that is drawn over in its cell.

IPython's own display does it: rich's bars need the package ipywidgets in a notebook, and without it show nothing.
"""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from search.coordination.progress import Comparing, Confirming, Progress, SilentObserver
from search.preparation.study import PreparedStudy
from search.records import Trial
from search.records.wording import describe_configuration

_SECONDS_BETWEEN_DRAWINGS = 0.3
_MUTED = "opacity:.75"


def is_notebook() -> bool:
    """Whether this is a cell of a notebook: IPython runs, and a kernel shows what it displays."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class NotebookObserver(SilentObserver):
    """Tells how far a study is, in the cell that is running.

    Args:
        prepared: The study.
    """

    def __init__(self, prepared: PreparedStudy) -> None:
        from IPython.display import display  # type: ignore[import-not-found]  # there where `is_notebook` says so

        self._prepared = prepared
        self._done, self._total = self._trials = 0, prepared.n_trials
        self._words, self._scores, self._best = "starting", "", ""
        self._notes: list[str] = []
        self._last = 0.0
        self._handle = display(self._drawing(), display_id=True)

    def note(self, message: str) -> None:
        """Show a line below the bar."""
        self._notes.append(message)
        self._draw(now=True)

    def started(self, progress: Progress, workers: int) -> None:
        """Show what begins."""
        self._count(progress)
        self._words = f"{self._counted()}, first runs"
        self._draw(now=True)

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        """Show how far it is, and the best configuration."""
        self._count(progress)
        self._scores = f"{self._counted()}; {progress.scores_in_words()}"
        self._words = "; ".join(part for part in (self._scores, progress.time_in_words()) if part)
        if progress.best is not None:
            self._best = describe_configuration(progress.best.configuration, self._prepared.facts)
        self._draw(now=progress.done == progress.total)

    def began(self, what: str) -> None:
        """Show what begins."""
        self._words = what
        self._draw(now=True)

    def confirming(self, progress: Confirming) -> None:
        """Show how far the confirmation is."""
        self._tell_step(progress)

    def comparing(self, progress: Comparing) -> None:
        """Show how far it is with other configurations."""
        self._tell_step(progress)

    def tell_result(self, summary: str) -> None:
        """Show nothing: in a notebook a result shows itself."""

    def close(self) -> None:
        """Draw how far it came."""
        (self._done, self._total), self._words = self._trials, self._scores or "ended before the first trial did"
        self._draw(now=True)

    def _count(self, progress: Progress) -> None:
        self._done, self._total = self._trials = progress.done, progress.total

    def _counted(self) -> str:
        return f"{self._done} of {self._total} trials"

    def _tell_step(self, progress: Confirming | Comparing) -> None:
        self._done, self._total, self._words = progress.done, progress.total, progress.in_words()
        self._draw(now=progress.done == progress.total)

    def _draw(self, *, now: bool) -> None:
        moment = time.monotonic()
        if self._handle is not None and (now or moment - self._last >= _SECONDS_BETWEEN_DRAWINGS):
            self._last = moment
            self._handle.update(self._drawing())

    def _drawing(self) -> Drawing:
        name = self._prepared.spec.study.name
        text = f"{name}: {self._words}"
        lines = [f"<b>{html.escape(name)}</b> {html.escape(self._words)}"]
        if self._best:
            lines.append(f'<span style="{_MUTED}">best: {html.escape(self._best)}</span>')
        lines += [f'<span style="{_MUTED}">{html.escape(note)}</span>' for note in self._notes]
        label = html.escape(f"Trials of {name}", quote=True)
        bar = f'<progress aria-label="{label}" max="{max(1, self._total)}" value="{self._done}"></progress>'
        return Drawing(f"<div>{bar} {'<br>'.join(lines)}</div>", text)


class Drawing:
    """What IPython shows: a page's part, and text where there is no page.

    Args:
        page: HTML.
        text: The same in a line.
    """

    def __init__(self, page: str, text: str) -> None:
        self._page, self._text = page, text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._page, "text/plain": self._text}
