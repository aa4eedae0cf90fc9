"""Which workers may serve this process: those with its Python, and its versions of the packages that count."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from search.errors import Problem, UsageError

if TYPE_CHECKING:
    from distributed import Client

_MOST_NAMED = 3

Versions = Mapping[str, str | None]
"""Of Python, as `3.11`, and of packages; None for one that is not installed."""


def own_versions(packages: Sequence[str]) -> Versions:
    """What this process runs with.

    Args:
        packages: Names of distributions.
    """
    return {"Python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: _version(name) for name in packages
    }


def difference_in_words(wanted: Versions, found: Versions) -> str | None:
    """What a worker has that differs, as `keras 3.9.0 (here 3.15.1), no tensorflow (here 2.22.0)`; None where nothing
    does.

    Args:
        wanted: What the coordinator runs with. What is not installed there, but only lies on its path, cannot be told.
        found: What the worker runs with.
    """
    different = [
        f"{name} {found[name]} (here {ours})" if found.get(name) else f"no {name} (here {ours})"
        for name, ours in wanted.items()
        if ours is not None and found.get(name) != ours
    ]
    return ", ".join(different) or None


def refuse_other_versions(client: Client, wanted: Versions) -> None:
    """Ask the workers that a scheduler has what they run with, before any of them is sent what it may not understand.

    Raises:
        UsageError: Some differ.
    """
    packages = [name for name in wanted if name != "Python"]
    workers = client.get_versions(packages=packages)["workers"]
    different = {
        address: words
        for address, told in workers.items()
        if (words := difference_in_words(wanted, _as_told(told["packages"]))) is not None
    }
    if not different:
        return
    named = [f"{address}: {words}" for address, words in list(different.items())[:_MOST_NAMED]]
    more = f"; and {len(different) - _MOST_NAMED} more" if len(different) > _MOST_NAMED else ""
    raise UsageError(
        Problem(
            "--scheduler",
            "expected workers with the versions that are installed here, since scores of others would differ or could "
            f"not be read; received {len(different)} of {len(workers)} with others ({'; '.join(named)}{more})",
            "Install the same there, or search from where the workers are.",
        )
    )


def _as_told(packages: Mapping[str, str | None]) -> Versions:
    """What Dask tells of a worker, in our terms: it has `python` to the patch and the release level."""
    python = (packages.get("python") or "").split(".")
    return {**packages, "Python": ".".join(python[:2])}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
