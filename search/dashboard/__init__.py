"""The dashboard: optuna-dashboard over the study's storage, behind a guard of ours.

- `server`: `serve_dashboard`, which opens the storage, binds the port and serves until it is told to stop
- `guard`: who may ask for what: the Host header, the methods, the origin of a request, security headers

optuna-dashboard itself has no login, no check of the Host header, and lets anybody delete a study; the guard
is what makes it safe to leave open beside a browser. The storage's rules (a missing file, a wrong address)
live in `search.storage`; the reports that need no server live in `search.reporting`.
"""

from search.dashboard.guard import Guard
from search.dashboard.server import serve_dashboard

__all__ = ["Guard", "serve_dashboard"]
