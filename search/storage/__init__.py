"""The database: opening it, the lock on a study, Optuna's tables and ours, written and read.

| module | what lives there |
|---|---|
| `opening` | `open_storage`: from a URL to a `Storage`; `blank_database`: a file for one, at once |
| `store` | `Storage`: the rest of the public surface, one short method a question |
| `address` | a URL becomes an `Address`, or a `UsageError`; passwords are masked here |
| `engine` | an address becomes a SQLAlchemy engine; one context manager translates SQLAlchemy's errors |
| `sealed_files` | SQLite files in folders that may not be written |
| `optuna_tables` | Optuna's own tables as SQLAlchemy declares them, and the schema's version we know |
| `tables` | our tables, prefix `regsearch_` |
| `schema`, `migrations/` | creating, upgrading and checking both sets of tables |
| `older_tables` | tables of earlier versions, read as they are |
| `inspection` | what a database is like, of whatever version: for `regsearch doctor` |
| `cascades` | SQLite's triggers in the place of ON DELETE CASCADE |
| `locks` | one coordinator a study: an OS file lock, or an advisory lock of PostgreSQL |
| `entries` | what happens to a trial: `Started`, `Progressed`, `Ended` |
| `studies`, `writing`, `reading`, `verdicts` | statements, each on a connection that the caller opened |
| `logs` | statements about what errors of runs said in full |
| `transfer` | a study as rows of all tables: copied to another database, renamed, deleted |
| `observing` | statements for pages that follow a study: what has changed, and what is new |
| `display` | the metric's name and the note that Optuna's own programs show |

Rules of the room: statements take a connection and never commit, so that a caller can put several into one
transaction. Trials are written by the batch, in one transaction of few statements, and into Optuna's tables
exactly as Optuna would, so that plain Optuna reads them as its own. Curves and predictions are stored as the bytes
in which they travelled. Importing this package imports SQLAlchemy and nothing heavier; Optuna and Alembic are imported
by the one function that creates tables, NumPy by whoever looks into a curve.

What a trial means and when it is written is decided in `search.coordination`; what is read is drawn in
`search.reporting`.
"""

from search.storage.address import default_url, file_url, shows_password
from search.storage.entries import MAX_INTERMEDIATE_VALUES, Ended, Entry, Progressed, Started
from search.storage.holding import Hold
from search.storage.inspection import (
    KNOWN_OPTUNA_REVISION,
    KNOWN_REVISION,
    Inspection,
    inspect_storage,
    locate_storage,
)
from search.storage.observing import ObservedTrial, RunOutline
from search.storage.opening import blank_database, open_storage, write_blank_file
from search.storage.patience import Patience
from search.storage.reading import Progress, RunTally
from search.storage.spool import Spool, SpoolError
from search.storage.store import Storage
from search.storage.studies import BEGUN_AS_KEY, Budget, installed_versions

__all__ = [
    "BEGUN_AS_KEY",
    "KNOWN_OPTUNA_REVISION",
    "KNOWN_REVISION",
    "MAX_INTERMEDIATE_VALUES",
    "Budget",
    "Ended",
    "Entry",
    "Hold",
    "Inspection",
    "ObservedTrial",
    "Patience",
    "Progress",
    "Progressed",
    "RunOutline",
    "RunTally",
    "Spool",
    "SpoolError",
    "Started",
    "Storage",
    "blank_database",
    "default_url",
    "file_url",
    "inspect_storage",
    "installed_versions",
    "locate_storage",
    "open_storage",
    "shows_password",
    "write_blank_file",
]
