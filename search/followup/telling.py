"""What a study says while it runs from Python: a bar in a notebook, else lines on standard error, one that is written
over on a terminal.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Collection, Iterator

from search.coordination.progress import Confirming, Progress, SilentObserver
from search.followup.notebook import NotebookObserver, is_notebook
from search.preparation.study import PreparedStudy
from search.records import Trial

_SECONDS_BETWEEN_LINES = 2.0


@contextlib.contextmanager
def told(prepared: PreparedStudy, cautions: Collection[str] = ()) -> Iterator[TellingObserver | NotebookObserver]:
    """Tell how a study goes, for the length of a `with` block, beginning with its notes.

    Args:
        prepared: The study.
        cautions: Notes that are told in another way.
    """
    observer = NotebookObserver(prepared) if is_notebook() else TellingObserver(prepared)
    try:
        for note in prepared.notes:
            if note not in cautions:
                observer.note(f"note: {note}")
        yield observer
    finally:
        observer.close()


class TellingObserver(SilentObserver):
    """Tells how far a study is.

    Args:
        prepared: The study.
    """

    def __init__(self, prepared: PreparedStudy) -> None:
        self._name = prepared.spec.study.name
        self._metric = prepared.metric
        self._is_terminal = sys.stderr.isatty()
        self._last = 0.0
        self._open_line = False

    def note(self, message: str) -> None:
        """Say a line."""
        self.close()
        sys.stderr.write(f"{message}\n")

    def started(self, progress: Progress, workers: int) -> None:
        """Say what begins."""
        self.note(f"{self._name}: {progress.total} trials, {self._metric}")

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        """Say how far it is, now and then, and at the end."""
        now = time.monotonic()
        if progress.done < progress.total and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        self._say(f"[{progress.done}/{progress.total}] {progress.scores_in_words()}; {progress.time_in_words()}")

    def confirming(self, progress: Confirming) -> None:
        """Say how far the confirmation is, now and then."""
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        self._say(progress.in_words())

    def tell_result(self, summary: str) -> None:
        """Say what came of it."""
        self.note(summary)

    def _say(self, words: str) -> None:
        if self._is_terminal:
            # What is wrapped could not be written over.
            sys.stderr.write(f"\r\033[K{words[: shutil.get_terminal_size().columns - 1]}")
            sys.stderr.flush()
            self._open_line = True
        else:
            sys.stderr.write(f"{words}\n")

    def close(self) -> None:
        """End the line that is written over."""
        if self._open_line:
            sys.stderr.write("\n")
            self._open_line = False
