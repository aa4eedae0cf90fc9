"""The dashboard: optuna-dashboard over the study's storage, behind a guard of ours.

- `server`: `serve_dashboard`, which opens the storage, binds the port and serves until it is told to stop
- `guard`: who may ask for what: the Host header, the methods, the origin of a request, security headers
- `passwords`: the password, its hash, and how often it may be guessed
- `studies`: `StudyPages`, which answers for the studies that regsearch began, in the place of optuna-dashboard
- `page`, `parameters`, `notes`, `drawing`, `importances`, `table`: what it answers
- `read_only`: buttons that would change something are hidden where nothing may be changed
- `sharing`: an answer is made once for all who ask, and only so many at a time
- `source`: the database, which may go away and come back

optuna-dashboard itself has no login, no check of the Host header, and lets anybody delete a study; the guard is what
makes it safe to leave open beside a browser. What a page tells is made when it is looked at, by the dashboard's
process: a study that runs pays nothing for it, and one that an earlier version began has it, too.

The storage's rules (a missing file, a wrong address) live in `search.storage`; the reports that need no server live in
`search.reporting`.
"""

from search.dashboard.guard import Guard
from search.dashboard.passwords import PasswordHash, find_password
from search.dashboard.server import serve_dashboard

__all__ = ["Guard", "PasswordHash", "find_password", "serve_dashboard"]
