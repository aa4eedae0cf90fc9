"""The pages of a dashboard that only reads: buttons that would change something are not shown, and the bar says why.

The guard refuses what such buttons ask for; this spares the reader to try them. They are known by the labels that
screen readers are told, and by the names of their icons. A test looks at every page for buttons that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.dashboard.studies import collect

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CHANGING_LABELS = ("delete study", "rename study", "skip trial", "delete artifact")
"""Of buttons of optuna-dashboard 0.21 that change something: what screen readers are told."""

CHANGING_ICONS = ("AddBoxIcon", "EditIcon", "StopCircleIcon", "UndoIcon", "ClearIcon", "SettingsIcon")
"""Icons of such buttons without a label: create a study, edit a note, fail a trial; where trials are preferred to
others: undo, this one is the worst, settings."""

_TOLD = "read-only: --writable allows changes"

_BUTTONS = ",".join(
    [
        *(f'button[aria-label="{label}"]' for label in CHANGING_LABELS),
        *(f'button:has([data-testid="{icon}"])' for icon in CHANGING_ICONS),
    ]
)
_STYLE = (
    f"<style>{_BUTTONS}{{display:none!important}}"
    f"header .MuiToolbar-root::after{{content:'{_TOLD}';margin-left:auto;padding-left:16px;white-space:nowrap}}"
    "@media(max-width:600px){header .MuiToolbar-root::after{content:'read-only'}}</style>"
).encode()

_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE"})
_OF_THE_FILE = frozenset({"etag", "last-modified", "accept-ranges"})
"""Headers that are true of optuna-dashboard's page as it is on the disk."""


@dataclass(frozen=True)
class ReadOnlyPages:
    """A WSGI application that hides, on optuna-dashboard's pages, what would change something.

    Args:
        app: optuna-dashboard's application.
    """

    app: WSGIApplication

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["REQUEST_METHOD"] != "GET" or not environ.get("PATH_INFO", "").startswith("/dashboard"):
            return self.app(environ, start_response)
        whole = {name: value for name, value in environ.items() if name not in _CONDITIONS}
        page = collect(self.app, {**whole, "HTTP_ACCEPT_ENCODING": "identity"})
        body = page.body.replace(b"</head>", _STYLE + b"</head>", 1)
        kept = [(name, value) for name, value in page.headers if name.lower() not in _OF_THE_FILE]
        # A browser may else show a page that it kept from when the dashboard was started with --writable, or without.
        about = [("Content-Type", page.kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-cache")]
        start_response(page.status, [*about, *kept])
        return [body]
