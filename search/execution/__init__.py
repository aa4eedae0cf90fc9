"""Processes that train: a local Dask cluster by default, any Dask scheduler by its address.

| module | what lives there |
|---|---|
| `pool` | `open_pool`: submit an item, wait for what is reported and done, withdraw an item |
| `connecting` | the way to workers, in this process's words |
| `local` | the local cluster: one thread a process, temporary TLS credentials |
| `gpus` | one GPU a worker |
| `versions` | which workers of a scheduler may serve this process |

What is trained lives in `search.training`, in which order in `search.coordination`. Only this package imports Dask.
"""

from search.execution.connecting import Cluster
from search.execution.pool import Attempt, Done, ItemFailure, Pool, Reported, Running, open_pool

__all__ = ["Attempt", "Cluster", "Done", "ItemFailure", "Pool", "Reported", "Running", "open_pool"]
