"""Stories are told by a process that has no threads, from which others can be forked."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.cuts.cutting import Story, Told, cut_everywhere


@pytest.fixture(scope="session")
def teller() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        yield process


@pytest.fixture
def tell(teller: ProcessPoolExecutor, tmp_path: Path) -> Callable[..., Told]:
    """A function that tells a story in all ways, as `cut_everywhere`; `server` is a fixture's PostgreSQL."""

    def tell(story: Story, server=None, **options) -> Told:
        url = None if server is None else server.url("postgres")
        return teller.submit(cut_everywhere, story, tmp_path / "places", url, **options).result()

    return tell
