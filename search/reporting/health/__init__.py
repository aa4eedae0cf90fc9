"""Whether this machine and its storage are fit for studies: what is there, and what to do where something is wrong.

| module | what lives there |
|---|---|
| `_base` | `Finding`: one thing that was looked at |
| `versions` | Python and packages against the bounds that regsearch declares |
| `machine` | processor, memory, threads |
| `devices` | GPUs, and whether TensorFlow works; it is asked in a process of its own |
| `folders` | the cache and the temporary folder |
| `database` | the storage: whether it can be reached, and its tables' versions |

Each module looks at its own part and raises nothing: what is broken is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from search.reporting.health._base import MARKS, Finding, Mark
from search.reporting.health.database import check_database
from search.reporting.health.devices import check_devices
from search.reporting.health.folders import check_folders
from search.reporting.health.machine import check_machine
from search.reporting.health.versions import check_versions

__all__ = ["MARKS", "Finding", "Mark", "check_health"]


def check_health(url: str) -> Iterator[Finding]:
    """Look at everything, the quick parts first; each finding comes when it is known.

    Args:
        url: Of the storage.
    """
    yield from check_versions()
    yield from check_machine()
    yield from check_folders()
    yield from check_database(url)
    yield from check_devices()
