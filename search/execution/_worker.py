"""What runs on a Dask worker: the shared value and the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distributed import WorkerPlugin, get_worker


class SharedValue(WorkerPlugin):
    """A value that every worker holds; the scheduler gives it to workers that come later, too."""

    def __init__(self, value: Any) -> None:
        self.value = value


def call(token: str, function: Callable[[Any, Any], Any], item: Any) -> Any:
    """Call `function` on the value registered under `token` and the item."""
    plugin: SharedValue = get_worker().plugins[token]
    return function(plugin.value, item)
