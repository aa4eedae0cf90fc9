"""What a command says when a signal ends it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from search.signals import Terminated


@contextlib.contextmanager
def explained(message: str) -> Iterator[None]:
    """Say `message` on stderr when a signal ends the block."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        click.echo(message, err=True)
        raise
