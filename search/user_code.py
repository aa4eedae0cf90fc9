"""Whose code may be run, and who is told before it is: a study names files, and may have come from anywhere.

Nothing is imported here, so that the command line can say at once who listens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_IS_TRUSTED: ContextVar[bool] = ContextVar("is_trusted", default=False)
_TELL: ContextVar[Callable[[str], None] | None] = ContextVar("tell", default=None)


def is_code_trusted() -> bool:
    """Whether code that comes with models, and files outside a study's folder, may be run."""
    return _IS_TRUSTED.get()


@contextlib.contextmanager
def code_trusted() -> Iterator[None]:
    """Let code that comes with models, and that of files outside a study's folder, be run by what is called inside."""
    token = _IS_TRUSTED.set(True)
    try:
        yield
    finally:
        _IS_TRUSTED.reset(token)


@contextlib.contextmanager
def code_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of each file, once, whose code is run by what is called inside.

    Args:
        tell: Called with the file's name as the study has it, before anything of it is run.
    """
    known = set[str]()

    def once(name: str) -> None:
        if name not in known:
            known.add(name)
            tell(name)

    token = _TELL.set(once)
    try:
        yield
    finally:
        _TELL.reset(token)


def tell_code(name: str) -> None:
    """Say that the code of a file is about to be run, to whoever wants to know."""
    tell = _TELL.get()
    if tell is not None:
        tell(name)
