"""Rich's live display, beside which lines are printed."""

from __future__ import annotations

from rich.live import Live


class SteadyLive(Live):
    """A display in which a line and a redraw take turns.

    Rich finds out how many lines to wipe before it draws, each thread for itself: where a line was printed while the
    picture grew, a part of the old picture stayed above it.
    """

    def say(self, text: str) -> None:
        """Print text above the picture, as it is."""
        with self._lock:  # which the thread that redraws holds for the whole of a redraw
            self.console.print(text, markup=False)
