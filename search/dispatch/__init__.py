"""Runs go to workers, and their results come back, whoever wants them trained.

| module | what lives there |
|---|---|
| `dispatcher` | `Dispatcher`: runs in, results out; short runs share a trip, engines are chosen, deaths survived |
| `queue` | tasks on their way to the workers, and those that are tried again alone |
| `tasks` | what is sent to a worker, and what happens to it there |
| `engines` | which engine trains which architecture: measured once a study |
| `workers` | `open_workers`: a pool whose workers train |
| `imported` | what local workers find imported |

Processes are `search.execution`, training is `search.training`; which runs are wanted is decided above, in
`search.coordination`.
"""

from search.dispatch.dispatcher import Dispatcher
from search.dispatch.engines import EngineChoices
from search.dispatch.tasks import PredictionFailure, Train, process_session
from search.dispatch.workers import open_workers

__all__ = ["Dispatcher", "EngineChoices", "PredictionFailure", "Train", "open_workers", "process_session"]
