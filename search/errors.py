"""Every error that regsearch raises on purpose.

RegsearchError
├── UsageError            exit code 2: something the user gave is wrong
│   ├── StudyFileError        the study file, or an override given with --set
│   ├── DataError             the data, or how it is to be split
│   └── UnknownStudyError     a study name that the storage does not hold
├── StorageError          exit code 3: the database cannot be reached, read or written
│   ├── TransientStorageError     the same may succeed in a moment: a server that restarts, a file that is locked
│   ├── PermanentStorageError     it fails until somebody mends something: a wrong password, a full disk
│   │   └── MissingStorageError       there is no database yet, or an empty one
│   ├── LockLostError             the study's lock was lost: whoever held it must not write any more
│   └── StudyLockedError          another coordinator holds the study
├── StudyFailedError      exit code 1: the study ran and there is no result to show
└── RunFailedError        one run failed (its trial fails, the study goes on)
    └── DivergedError         loss or weights became NaN or infinite

Every warning is a `RegsearchWarning`:

└── RepeatabilityWarning  this process cannot be set up so that results repeat

A `UsageError` holds every problem that was found, not the first. A problem names its place, what was
expected, what came and the remedy; `str()` of one is the line that the command prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what the user gave.

    Args:
        place: Where, as the user can find it: `studies/moons.toml:14 [space.dropout]`, `--n-trials`.
        message: `expected ..., received ...` in one sentence without a full stop at its end.
        remedy: What to do about it, one full sentence, or an empty string.
    """

    place: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.place}: {self.message}."
        return f"{line} {self.remedy}" if self.remedy else line


class RegsearchError(Exception):
    """Base of every error that a command prints without a traceback."""

    exit_code = 1


class UsageError(RegsearchError):
    """What the user gave cannot be used; `problems` lists every reason."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | Problem) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[UsageError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class StudyFileError(UsageError):
    """A study file or an override is not a valid study."""


class DataError(UsageError):
    """The data cannot be read, or cannot be split as asked."""


class UnknownStudyError(UsageError):
    """The storage holds no study of that name."""


class StorageError(RegsearchError):
    """The database cannot be reached, read or written. The message never holds a password.

    What is raised is one of the subclasses, by what is to be done about it: `search.storage.engine` tells them apart.
    """

    exit_code = 3


class TransientStorageError(StorageError):
    """It lies in the moment: the same call may succeed when it is made again.

    A connection that was refused or cut, a server that starts or stops, too many connections, a deadlock, a SQLite
    file that another program keeps locked. What was not committed is undone; only where a connection was cut in the
    very moment of a commit, nobody can tell.
    """

    reason = "it cannot be reached"
    """What the database or its driver said."""
    may_be_done = False
    """Whether the connection was cut in the moment of a commit."""


class PermanentStorageError(StorageError):
    """The same call fails until somebody mends something.

    A wrong password, a missing database or right, a damaged file, a full disk, tables of an unknown version, a study
    that was deleted or that another program wrote to.
    """


class MissingStorageError(PermanentStorageError):
    """There is no database yet, or none of Optuna's tables are in it: `regsearch run` makes both."""


class LockLostError(StorageError):
    """The study's lock was lost: another coordinator may hold the study now, and nothing may be written any more."""


class StudyLockedError(StorageError):
    """Another coordinator holds the study; the message says which."""


class StudyFailedError(RegsearchError):
    """The study ran, but no trial gave a result."""

    exit_code = 1


class RunFailedError(RegsearchError):
    """One run failed; its trial fails and the study goes on."""


class DivergedError(RunFailedError):
    """The loss or a weight of a run became NaN or infinite.

    Args:
        epoch: The first epoch (counted from 1) whose loss or weights were not finite.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(f"diverged at epoch {epoch}")

    def __reduce__(self) -> tuple[type[DivergedError], tuple[int]]:
        return type(self), (self.epoch,)


class RegsearchWarning(UserWarning):
    """Base of every warning that regsearch gives to whoever calls it from Python."""


class RepeatabilityWarning(RegsearchWarning):
    """This process is set up in a way that keeps results from repeating, or that cannot be undone.

    Results are no less right for it: a second call with the same seed may differ from the first by what parallel sums
    round, and by what training makes of that. The sentence says what to call, and when, so that they repeat.
    """
