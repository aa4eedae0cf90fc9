"""The coordinator: the one process that asks, tells and writes.

Trials are proposed in number order under the window rule (`Proposals`); their runs go to workers and come back in
whatever order (`Dispatcher`). A crashed study goes on by the same loop: trials that the database already holds are
asked as they were recorded; those that ended are told from the record, those that had not are trained again.

What is noted reaches the database within half a second (`TrialBuffer`). A crash in between costs that half second: the
trials that were lost are asked and trained again, with the same outcome.
"""

from __future__ import annotations

import contextlib

from search.coordination.equal_configurations import EqualConfigurations
from search.coordination.limits import POLL_SECONDS, SessionLimits
from search.coordination.open_trial import OpenTrial
from search.coordination.progress import Observer, Progress
from search.coordination.proposals import Proposals
from search.coordination.trial_buffer import TrialBuffer
from search.dispatch import Dispatcher
from search.errors import StorageError
from search.preparation.study import PreparedStudy
from search.records import BASELINE_TRIAL, RunReport, RunResult, Trial


class Coordinator:
    """One session of the loop.

    Args:
        prepared: The study.
        proposals: Proposes trials and is told their outcomes.
        dispatcher: Trains runs.
        buffer: The study's trials; what is noted there reaches the storage.
        limits: What ends the session before the budget is spent.
        observer: Told of every result.
    """

    def __init__(
        self,
        prepared: PreparedStudy,
        proposals: Proposals,
        dispatcher: Dispatcher,
        buffer: TrialBuffer,
        limits: SessionLimits,
        observer: Observer,
    ) -> None:
        self._prepared = prepared
        self._proposals = proposals
        self._dispatcher = dispatcher
        self._buffer = buffer
        self._limits = limits
        self._observer = observer
        self._equals = EqualConfigurations()
        self._open: dict[int, OpenTrial] = {}
        self._n_new = 0

    def run(self) -> None:
        """Ask, submit, wait, note, tell, until the budget is spent or a limit is reached.

        After a request to stop, what is open is finished; after the timeout it has a grace, and is then withdrawn: it
        stays RUNNING, as after an interrupt, and the next session trains it with the same parameters.
        """
        self._observer.started(self._progress(), self._dispatcher.n_workers)
        self._tell_of_idle_workers()
        try:
            self._loop()
            self._buffer.flush_all()
        except StorageError:
            raise  # what is not written cannot be written, or must not be any more
        except BaseException:
            with contextlib.suppress(StorageError):
                self._buffer.flush()
            raise

    def _loop(self) -> None:
        while True:
            if self._limits.look():
                self._observer.note(self._words_on_limit())
            while self._may_ask():
                self._ask()
            if not self._open:
                return
            due, patience = self._buffer.seconds_until_due(), min(POLL_SECONDS, self._limits.seconds_left)
            for message in self._dispatcher.wait(patience if due is None else min(due, patience)):
                if isinstance(message, RunReport):
                    self._take_report(message)
                else:
                    self._take_result(message)
            if self._buffer.seconds_until_due() == 0:
                self._buffer.flush()
            if not patience and self._limits.reached is not None and self._open:  # what had come by then was taken
                self._observer.note(self._words_on_withdrawal())
                return

    def _tell_of_idle_workers(self) -> None:
        """Say so where the window leaves some of the workers nothing to do; more of them change no trial."""
        n_workers, most, study = self._dispatcher.n_workers, self._prepared.most_open_runs, self._prepared.spec.study
        if n_workers <= most:
            return
        way = "" if study.pruner == "none" else f', those of a trial one after the other (pruner = "{study.pruner}")'
        self._observer.note(
            f"{n_workers - most} of {n_workers} workers will have nothing to do: at most {most} runs train at once"
            f"{way}. Raise study.window, now {self._prepared.window}, in a study that is begun anew."
        )

    def _words_on_limit(self) -> str:
        n_open = len(self._open)
        if not self._limits.is_timed_out:
            return f"{self._limits.reached}: the {n_open} trials already asked are finished, no more are asked."
        running = "1 trial that runs has" if n_open == 1 else f"{n_open} trials that run have"
        grace = f"; {running} {self._limits.grace_seconds:.2g} s to end" if n_open else ""
        return f"{self._limits.reached}: no more trials are asked{grace}."

    def _words_on_withdrawal(self) -> str:
        n_open = len(self._open)
        withdrawn = "1 trial that still ran is" if n_open == 1 else f"{n_open} trials that still ran are"
        return (
            f"Time is up: {withdrawn} withdrawn. The next `regsearch run` trains what was withdrawn, with the same "
            "parameters."
        )

    def _may_ask(self) -> bool:
        """Whether there is a next trial, and its turn has come."""
        number = self._proposals.next_number
        recorded = number in self._buffer.trials
        if self._limits.is_timed_out:
            return False
        if not recorded and (self._limits.reached is not None or number >= self._prepared.n_trials):
            return False
        return self._proposals.is_next_due()

    def _ask(self) -> None:
        trial = self._proposals.ask()
        if trial.state.is_final:
            self._equals.add_ended(trial)
            return
        if trial.number not in self._buffer.trials:
            self._buffer.start(trial)
        judge = self._proposals.judge(trial.number)
        runs = self._prepared.runs(trial.number, trial.configuration)
        self._open[trial.number] = OpenTrial(runs, judge)
        self._begin(trial.number)

    def _begin(self, number: int) -> None:
        """Have an open trial trained, or end it as one of equal configuration ended."""
        trained = self._equals.join(number, self._buffer.trials[number].configuration)
        if trained == number:
            self._dispatcher.submit(self._open[number].next_runs)
        elif self._buffer.trials[trained].state.is_final:
            self._copy(trained, number)

    def _take_report(self, report: RunReport) -> None:
        """Take what a long run tells on its way."""
        number = report.run.trial
        trial = self._open.get(number)
        if trial is None:
            return
        if trial.report(report):
            self._dispatcher.withdraw(report.run)
        self._buffer.progress(number, trial.progress)
        self._observer.run_reported(report)

    def _take_result(self, result: RunResult) -> None:
        self._observer.run_ended(result)
        number = result.run.trial
        trial = self._open[number]
        trial.add(result)
        if trial.is_over:
            self._end(number, trial)
        elif trial.judge is not None:
            self._dispatcher.submit(trial.next_runs)

    def _end(self, number: int, open_trial: OpenTrial) -> None:
        """End a trial, and with it those that wait for its outcome."""
        if open_trial.judge is not None:
            self._proposals.keep_reports(number, open_trial.judge.intermediate)
        reports = self._proposals.reports_of(number)
        trial = self._close(self._buffer.finish(number, open_trial.outcome, open_trial.results, reports))
        is_theirs = trial.cause is None or not trial.cause.is_transient
        for waiting in self._equals.end(trial):
            if is_theirs:
                self._copy(number, waiting)
            else:
                self._begin(waiting)

    def _copy(self, source: int, number: int) -> None:
        """End a trial whose configuration was trained before: equal seeds would give the equal score."""
        self._proposals.copy_reports(source, number)
        self._close(self._buffer.finish_as(number, source, self._proposals.reports_of(number)))

    def _close(self, trial: Trial) -> Trial:
        del self._open[trial.number]
        self._n_new += 1
        self._observer.trial_ended(trial, self._progress())
        return trial

    def _progress(self) -> Progress:
        buffer = self._buffer
        baseline = buffer.trials.get(BASELINE_TRIAL)
        return Progress(
            done=buffer.n_ended,
            total=max(self._prepared.n_trials, len(buffer.trials)),
            running=len(self._open),
            failed=buffer.n_failed,
            pruned=buffer.n_pruned,
            new=self._n_new,
            seconds=self._limits.seconds,
            best=buffer.best,
            baseline=baseline if baseline is not None and baseline.score is not None else None,
        )
