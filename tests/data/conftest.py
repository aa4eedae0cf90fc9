"""Ways to read data that a test has just written, and to collect what is said about data that is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.data import Dataset, read_data
from search.errors import DataError
from search.spec import DataSection


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    """`read(source=..., path=...)`: the data set that a [data] table in `tmp_path` gives."""

    def read(*, output: str | None = None, **keys: Any) -> Dataset:
        return read_data(DataSection(**keys), tmp_path, output=output)

    return read


@pytest.fixture
def refusal(read: Callable[..., Dataset]) -> Callable[..., list[str]]:
    """`refusal(source=..., path=...)`: the lines of the error that such a table gives."""

    def refusal(**keys: Any) -> list[str]:
        with pytest.raises(DataError) as caught:
            read(**keys)
        return str(caught.value).splitlines()

    return refusal
