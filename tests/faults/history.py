"""A history checker: what the database told of a study while it was hurt, held against what it tells later.

Whoever hurts a study looks at the database now and then, as `regsearch` commands do, and gives what was seen to a
`History`. What was seen once is acknowledged: it has to be there at every later look, as it was. The history also knows
which processes coordinated the study, one after the other, and from when to when they lived. Each violation is a
sentence.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from search.records import Coordinator, Purpose, RunSummary, StoredVerdict, Trial
from search.storage import Storage

Facts = dict[str, dict[str, str]]
"""What is told of each thing that a study has (`trial 3`), field by field."""

_PURPOSES = (Purpose.SEARCH, Purpose.CONFIRMATION)
_OF_THE_MOMENT = frozenset({"started", "completed", "seconds", "worker", "decided"})
"""What is another one each time that the same study is run."""


@dataclass(frozen=True)
class Snapshot:
    """What a database tells of a study at one moment.

    Args:
        n_trials: How many trials it was asked for.
        trials: Its trials.
        runs: Its runs, those of the confirmation last.
        verdict: What it came to; None while it has not.
        holder: Who coordinates it, by its lock.
        reports: Trial to step to value, what Optuna's dashboard draws; empty where that was not read.
    """

    n_trials: int
    trials: tuple[Trial, ...]
    runs: tuple[RunSummary, ...]
    verdict: StoredVerdict | None = None
    holder: Coordinator | None = None
    reports: Mapping[int, Mapping[int, float]] = field(default_factory=dict)

    @property
    def n_acknowledged(self) -> int:
        """Trials that ended and runs of the confirmation: how far the study is."""
        n_confirming = sum(run.purpose is Purpose.CONFIRMATION for run in self.runs)
        return sum(trial.state.is_final for trial in self.trials) + n_confirming


def read_snapshot(storage: Storage, name: str, believed: Coordinator | None = None, *, whole: bool = False) -> Snapshot:
    """Look at a study.

    Args:
        storage: An open database.
        name: The study.
        believed: Who is taken for its holder as long as that name stands, without a look at the lock.
        whole: Whether what trials reported is read, too.

    Raises:
        UnknownStudyError: There is no such study.
        StorageError: The database does not answer.
    """
    holder = storage.holder(name, believed)
    record = storage.study(name)
    study_id = record.study_id
    # The trials first: what ends in between has its runs, and not the other way round.
    trials = tuple(storage.trials(study_id))
    runs = tuple(run for purpose in _PURPOSES for run in storage.runs(study_id, purpose=purpose))
    reports = storage.intermediate_values(study_id) if whole else {}
    return Snapshot(record.n_trials, trials, runs, storage.verdict(study_id), holder, reports)


@dataclass
class Session:
    """A process that coordinated the study.

    Args:
        pid: Its number.
        began: When it was started, UTC, naive.
        since: When it took the study, as the database says; None where nobody saw it.
        ended: When it was known to be dead; None while it lives.
    """

    pid: int
    began: dt.datetime
    since: dt.datetime | None = None
    ended: dt.datetime | None = None

    def has(self, moment: dt.datetime) -> bool:
        """Whether it may have written down that moment: it held the study by then, and was not dead."""
        return (self.since or self.began) <= moment and (self.ended is None or moment <= self.ended)


class History:
    """What was seen of one study.

    Args:
        n_trials: Its budget.

    Attributes:
        violations: What should not have come to pass, in sentences.
        sessions: The processes that coordinated it.
        n_looks: How often it was looked at.
    """

    def __init__(self, n_trials: int) -> None:
        self.violations: list[str] = []
        self.sessions: list[Session] = []
        self.n_looks = 0
        self.n_trials = n_trials
        self._known: Facts = {}

    def begin(self, pid: int, at: dt.datetime) -> None:
        """A process was started that is to coordinate the study; none before it lives."""
        self.sessions.append(Session(pid, at))

    def end(self, at: dt.datetime) -> None:
        """That process is dead."""
        self.sessions[-1].ended = at

    def violate(self, violation: str) -> None:
        """Note what should not have come to pass."""
        if violation not in self.violations:
            self.violations.append(violation)

    def see(self, seen: Snapshot) -> None:
        """Hold a look against all before it."""
        self.n_looks += 1
        for violation in (*self._lost(seen), *_stored_twice(seen), *self._beyond_budget(seen), *self._usurped(seen)):
            self.violate(violation)

    def see_attempt(self, holder: int, refused: bool) -> None:
        """A second one tried to take the study while a process held it."""
        if not refused:
            self.violate(f"process {holder} held the study, and a second one was given it")

    def see_end(self, seen: Snapshot, undisturbed: Snapshot | None = None) -> None:
        """Hold the end of the study against what it had to be.

        Args:
            seen: The last look, with all that there is to see.
            undisturbed: The end of the same study when nothing happens; None where nobody knows it.
        """
        self.see(seen)
        others = [] if undisturbed is None else differences(undisturbed, seen)
        for violation in (*self._unfinished(seen), *others, *self._outside_sessions(seen)):
            self.violate(violation)

    def _lost(self, seen: Snapshot) -> Iterator[str]:
        """What was acknowledged and is gone, or is otherwise now. A trial that is told again has another end."""
        now = facts_of(seen)
        for thing, known in self._known.items():
            if thing not in now:
                yield f"{thing} was acknowledged, and is gone"
                continue
            for name, value in known.items():
                if (received := now[thing].get(name)) != value:
                    yield f"{thing}: {name} = {value} was acknowledged, received {received or 'none'}"
        self._known |= {thing: self._known.get(thing, {}) | told for thing, told in now.items()}

    def _beyond_budget(self, seen: Snapshot) -> Iterator[str]:
        if len(seen.trials) > self.n_trials:
            yield f"expected {self.n_trials} trials at most, received {len(seen.trials)}"

    def _usurped(self, seen: Snapshot) -> Iterator[str]:
        """Whoever holds the study is the process that was started last, and took it when those before it were dead."""
        if seen.holder is None:
            return
        pid, since = seen.holder.pid, seen.holder.since
        *earlier, current = self.sessions or [None]
        if current is not None and pid == current.pid:
            current.since = since
            if earlier and (died := earlier[-1].ended) is not None and since < died:
                yield f"process {pid} took the study at {since}, while process {earlier[-1].pid} lived until {died}"
        elif current is None or current.since is not None or pid not in {session.pid for session in earlier}:
            # The name of one that is dead stands until the next has signed.
            yield f"process {pid} holds the study, which was not its turn"

    def _unfinished(self, seen: Snapshot) -> Iterator[str]:
        if len(seen.trials) != self.n_trials:
            yield f"expected {self.n_trials} trials at the end, received {len(seen.trials)}"
        for trial in seen.trials:
            if not trial.state.is_final:
                yield f"trial {trial.number} is {trial.state.name} at the end"

    def _outside_sessions(self, seen: Snapshot) -> Iterator[str]:
        """Each trial was asked and told by one who held the study, and trained by workers of that one."""
        trained_in: defaultdict[str, set[int]] = defaultdict(set)
        told_in: dict[int, int] = {}
        for trial in seen.trials:
            for word, moment in (("asked", trial.started), ("told", trial.completed)):
                if moment is None:
                    continue
                session = self._session_at(moment)
                if session is None:
                    yield f"trial {trial.number} was {word} at {moment}, when nobody held the study"
                elif word == "told":
                    told_in[trial.number] = session
        for run in seen.runs:
            if run.purpose is Purpose.SEARCH and run.trial in told_in:
                trained_in[run.worker].add(told_in[run.trial])
        for worker, sessions in trained_in.items():
            # Numbers of processes come again after some thousands, never from one session to the next.
            for number in sorted(sessions):
                if number + 1 in sessions:
                    yield f"worker {worker} trained for sessions {number} and {number + 1}, one of which was dead"

    def _session_at(self, moment: dt.datetime) -> int | None:
        return next((number for number, session in enumerate(self.sessions) if session.has(moment)), None)


def facts_of(seen: Snapshot) -> Facts:
    """What a look acknowledges."""
    facts: Facts = {}
    for trial in seen.trials:
        told = {
            "configuration": repr(dict(trial.configuration)),
            "parameters": repr([(each.name, each.internal) for each in trial.parameters]),
            "started": str(trial.started),
        }
        if trial.state.is_final:
            told |= {"state": trial.state.name, "score": repr(trial.score), "error": repr(trial.error)}
            told["completed"] = str(trial.completed)
        facts[f"trial {trial.number}"] = told
    for run in seen.runs:
        # As text: what is not a number equals itself.
        facts[_words_on_run(run)] = {name: repr(value) for name, value in vars(run).items()}
    for number, values in seen.reports.items():
        facts[f"what trial {number} reported"] = {"values": repr(dict(values))}
    if seen.verdict is not None:
        facts["the verdict"] = {"verdict": repr(seen.verdict.verdict), "decided": str(seen.verdict.decided)}
    return facts


def differences(expected: Snapshot, received: Snapshot) -> list[str]:
    """In what a study is not the same as another one, times and places left out."""
    before, after = facts_of(expected), facts_of(received)
    found = [f"{thing} is there, and was not when nothing happened" for thing in after if thing not in before]
    for thing, fields in before.items():
        if thing not in after:
            found.append(f"{thing} is missing, which was there when nothing happened")
            continue
        found += [
            f"{thing}: expected {name} = {value} as when nothing happened, received {after[thing].get(name, 'none')}"
            for name, value in fields.items()
            if name not in _OF_THE_MOMENT and after[thing].get(name) != value
        ]
    return found


def _stored_twice(seen: Snapshot) -> Iterator[str]:
    numbers = Counter(trial.number for trial in seen.trials)
    runs = Counter(map(_words_on_run, seen.runs))
    told: Sequence[tuple[str, int]] = [(f"trial {number}", count) for number, count in numbers.items()]
    for thing, count in (*told, *runs.items()):
        if count > 1:
            yield f"{thing} is stored {count} times"
    if sorted(numbers) != list(range(len(numbers))):
        absent = next(number for number in range(len(numbers)) if number not in numbers)
        yield f"trial {absent} is missing, and later ones are there"


def _words_on_run(run: RunSummary) -> str:
    return f"run of trial {run.trial} ({run.purpose.value}, fold {run.fold}, repeat {run.repeat})"
