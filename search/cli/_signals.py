"""Signals as exceptions, so that whatever is open is closed on the way out."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import click


class Terminated(BaseException):
    """SIGTERM came."""


def raise_on_sigterm() -> None:
    """Turn SIGTERM into `Terminated`, as Python turns SIGINT into `KeyboardInterrupt`."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)


@contextlib.contextmanager
def explained(message: str) -> Iterator[None]:
    """Say `message` on stderr when a signal ends the block."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        click.echo(message, err=True)
        raise
