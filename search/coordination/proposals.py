"""Trials are proposed and their outcomes told, in number order, under the window rule.

Trial n is asked once trials 0 ... n - window have been told, no more and no fewer; an outcome that comes early waits
until its turn. What sampler and pruner know at each ask then depends on `window` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from search.preparation.study import PreparedStudy
from search.records import Trial, TrialState
from search.spec import MOST_STARTUP_TRIALS
from search.tuning.history import History
from search.tuning.pruners import Judge, PruningRule, make_pruner


class Proposals:
    """What Optuna proposes for a study.

    Args:
        prepared: The study.
        trials: The trials as the coordinator keeps them, which it goes on to change, by number.
        reports: What trials of earlier sessions reported on their way: number to step to value.
        begun_as: The name that the study was begun with, which it may not have any more.
    """

    def __init__(
        self,
        prepared: PreparedStudy,
        trials: Mapping[int, Trial],
        reports: Mapping[int, Mapping[int, float]],
        begun_as: str | None = None,
    ) -> None:
        study = prepared.spec.study
        self._space = prepared.space
        self._window = prepared.window
        self._trials = trials
        self._rule = PruningRule(study.pruner, prepared.runs_per_trial, prepared.most_epochs)
        self._history = History(
            prepared.space,
            study.sampler,
            study.seed,
            prepared.direction,
            pruner=make_pruner(self._rule),
            study_name=begun_as or study.name,
            n_startup_trials=study.n_startup_trials or MOST_STARTUP_TRIALS,
            n_elsewhere=1 + max((n for n, trial in trials.items() if not prepared.space.is_of(trial)), default=-1),
        )
        # What ended trials reported, and those of them that the history was not told of while they ran.
        self._reports = dict(reports) if self.prunes else {}
        self._unreported = set(self._reports)

    @property
    def prunes(self) -> bool:
        """Whether trials may be cut short."""
        return self._rule.pruner != "none"

    @property
    def next_number(self) -> int:
        """The number of the trial that is asked next."""
        return self._history.asked

    def is_next_due(self) -> bool:
        """Whether the next trial's turn has come; tells the history all that it may know by then."""
        while self._history.told <= self._history.asked - self._window:
            oldest = self._trials[self._history.told]
            if not oldest.state.is_final:
                return False
            if oldest.number in self._unreported:
                self._history.restore(oldest.number, self._reports.get(oldest.number, {}))
            self._history.tell(oldest.state, oldest.score)
        return True

    def ask(self) -> Trial:
        """The next trial: as an earlier session recorded it, or else a new one, RUNNING."""
        number = self._history.asked
        recorded = self._trials.get(number)
        sampled = self._history.ask(self._space.sampled(recorded) if recorded else None)
        if recorded is not None:
            return recorded
        configuration = self._space.configuration(sampled)
        return Trial(number, TrialState.RUNNING, configuration, parameters=self._space.parameters(sampled))

    def judge(self, number: int) -> Judge | None:
        """Who says where a trial that was asked is given up; None when nothing is pruned."""
        self._unreported.discard(number)  # what an interrupted attempt reported is reported anew
        return Judge(self._history, number, self._rule) if self.prunes else None

    def reports_of(self, number: int) -> Mapping[int, float] | None:
        """Step to value that a trial reported, for the storage; None when nothing is pruned."""
        return self._reports.get(number)

    def keep_reports(self, number: int, reports: Mapping[int, float]) -> None:
        """Keep what a trial reported to its judge."""
        self._reports[number] = reports

    def copy_reports(self, source: int, number: int) -> None:
        """Take what a trial reported for the reports of another one, of equal configuration, that is not trained."""
        if self.prunes:
            self._reports[number] = self._reports.get(source, {})
            self._unreported.add(number)
