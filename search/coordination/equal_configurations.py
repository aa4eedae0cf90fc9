"""Trials of equal configuration: one is trained, the others take over its outcome.

Equal seeds would give them the equal score. What the machine did to one of them is not its configuration's, though: a
failure for a transient cause is nobody else's outcome.
"""

from __future__ import annotations

from collections import defaultdict

from search.records import Configuration, Trial


class EqualConfigurations:
    """Which trial is trained for a configuration, and which wait for its outcome."""

    def __init__(self) -> None:
        self._trained: dict[Configuration, int] = {}
        self._waiting: defaultdict[int, list[int]] = defaultdict(list)

    def add_ended(self, trial: Trial) -> None:
        """Take a trial that ended in an earlier session."""
        if trial.cause is None or not trial.cause.is_transient:
            self._trained.setdefault(trial.configuration, trial.number)

    def join(self, number: int, configuration: Configuration) -> int:
        """The trial whose outcome a trial has: its own number when it is the one to be trained.

        Args:
            number: A trial that is open; it waits for the other one, if that is open too.
            configuration: Its configuration.
        """
        trained = self._trained.setdefault(configuration, number)
        if trained != number:
            self._waiting[trained].append(number)
        return trained

    def end(self, trial: Trial) -> list[int]:
        """Take the end of a trial that was trained, and return those that wait for it, which then wait no more.

        Where its failure is not theirs, they have to `join` anew.
        """
        if trial.cause is not None and trial.cause.is_transient:
            del self._trained[trial.configuration]
        return self._waiting.pop(trial.number, [])
