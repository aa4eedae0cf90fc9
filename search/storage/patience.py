"""How long a session waits for a database that went away, and the calls that are made again meanwhile."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from search.errors import TransientStorageError

_Value = TypeVar("_Value")
_Class = TypeVar("_Class", bound=type)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_SECONDS_BETWEEN_WORDS = 600.0


class Patience:
    """Waits for a database; a session has one, whatever it asks of the database.

    Args:
        seconds: How long an outage may last; then the error that came last ends the session.
        tell: Told in a sentence when an outage begins, now and then while it lasts, and when it is over.
        meanwhile: What happens in an outage, as a sentence begins.
    """

    def __init__(
        self,
        seconds: float,
        tell: Callable[[str], None] = lambda _: None,
        meanwhile: str = "Training goes on, and results wait until it is back",
    ) -> None:
        self.seconds = seconds
        self._meanwhile = meanwhile
        self._tell = tell
        self._since: float | None = None
        self._told_at = 0.0

    @property
    def is_tried(self) -> bool:
        """Whether the database is away, as far as is known."""
        return self._since is not None

    def fail(self, error: TransientStorageError) -> float:
        """Take note of a failure.

        Returns:
            Seconds until it is worth trying again: a quarter of what the outage has lasted, 0.25 to 5.

        Raises:
            TransientStorageError: What was given, when the outage lasts too long.
        """
        now = time.monotonic()
        if not self.seconds:
            raise error
        if self._since is None:
            self._since = self._told_at = now
            self._tell(
                f"The database does not answer ({error.reason}). {self._meanwhile}, for {_in_words(self.seconds)} "
                "at most."
            )
        lasted = now - self._since
        if lasted >= self.seconds:
            raise error
        if now - self._told_at >= _SECONDS_BETWEEN_WORDS:
            self._told_at = now
            self._tell(f"The database has not answered for {_in_words(lasted)} ({error.reason}).")
        return min(max(_SHORTEST_PAUSE, lasted / 4), _LONGEST_PAUSE, self.seconds - lasted)

    def succeed(self) -> None:
        """Take note that the database answered."""
        if self._since is not None:
            lasted, self._since = time.monotonic() - self._since, None
            self._tell(f"The database is back, after {_in_words(lasted)}.")

    def wait_out(self, call: Callable[[], _Value], *, again_when_unsure: bool = True) -> _Value:
        """What a call returns, made again and again while the database is away.

        Args:
            call: Asks the database in one transaction.
            again_when_unsure: Whether the call does no harm where an earlier one succeeded, as may be when a connection
                is cut in the moment of a commit.

        Raises:
            TransientStorageError: The database stays away.
        """
        while True:
            try:
                value = call()
            except TransientStorageError as error:
                if error.may_be_done and not again_when_unsure:
                    raise
                time.sleep(self.fail(error))
            else:
                self.succeed()
                return value


class Patient(Protocol):
    """Whose calls may be waited out."""

    @property
    def patience(self) -> Patience | None:
        """How; None to have a failure raised at once."""


def patiently(*, at_once: frozenset[str], unsure: frozenset[str]) -> Callable[[_Class], _Class]:
    """Have the public methods of a class wait for the database where it has `patience`; each is one transaction.

    Args:
        at_once: Names of methods that never wait.
        unsure: Names of methods that are not called again where the call before may have succeeded.
    """

    def wrap(cls: _Class) -> _Class:
        for name, member in list(vars(cls).items()):
            if inspect.isfunction(member) and not name.startswith("_") and name not in at_once:
                setattr(cls, name, _waiting(member, again_when_unsure=name not in unsure))
        return cls

    return wrap


def _waiting(method: Callable[..., Any], *, again_when_unsure: bool) -> Callable[..., Any]:
    @functools.wraps(method)
    def waiting(self: Patient, *args: Any, **options: Any) -> Any:
        if self.patience is None:
            return method(self, *args, **options)
        return self.patience.wait_out(
            functools.partial(method, self, *args, **options), again_when_unsure=again_when_unsure
        )

    return waiting


def _in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3600 else f"{seconds / 3600:.3g} h"
