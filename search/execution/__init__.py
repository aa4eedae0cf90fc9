"""Processes that train: a local Dask cluster by default, any Dask scheduler by its address.

| module | what lives there |
|---|---|
| `pool` | `open_pool`: submit an item, wait for what is done |
| `local` | the local cluster: one thread a process, temporary TLS credentials |

What is trained lives in `search.training`, in which order in `search.tuning`. Only this package imports Dask.
"""

from search.execution.pool import Done, Pool, open_pool

__all__ = ["Done", "Pool", "open_pool"]
