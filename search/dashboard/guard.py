"""The guard: a WSGI middleware that decides which requests reach optuna-dashboard.

A page on any website may send requests to a server on this machine through the visitor's browser. Three rules
keep such a page out, and a fourth keeps what is shown from being framed or run:

1. The Host header must be a name that was agreed on. A page whose name was re-pointed to this machine (DNS
   rebinding) sends its own name, and would otherwise read everything.
2. Unless the dashboard is writable, only GET, HEAD and OPTIONS pass.
3. When it is writable, a request that changes something must come from the dashboard's own pages.
4. Every answer carries headers that forbid framing, sniffing and reading from another origin; an artifact (a
   file that a trial uploaded) is always a download, never a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

HOSTS_VARIABLE = "REGSEARCH_DASHBOARD_HOSTS"
"""Environment variable: further names, separated by commas, under which browsers reach the dashboard."""

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    # optuna-dashboard sends a policy of its own with its page; a browser obeys both.
    ("Content-Security-Policy", "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
)
_ARTIFACT_HEADERS = (
    ("Content-Disposition", "attachment"),
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
)


@dataclass(frozen=True)
class Guard:
    """A WSGI application that passes on to `app` what the rules above allow.

    Args:
        app: The application to guard.
        hosts: Accepted Host headers, in lower case: `name:port` for exactly that, `name` for any port.
        writable: Whether requests that change something pass at all.
    """

    app: WSGIApplication
    hosts: frozenset[str]
    writable: bool = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        refusal = self._find_refusal(environ)
        if refusal is not None:
            return _refuse(start_response, *refusal)
        # optuna-dashboard reads this header without asking whether it is there.
        environ.setdefault("HTTP_ACCEPT_ENCODING", "identity")
        is_artifact = environ.get("PATH_INFO", "").lstrip("/").startswith("artifacts/")
        return self.app(environ, _with_security_headers(start_response, is_artifact))

    def _find_refusal(self, environ: WSGIEnvironment) -> tuple[str, str] | None:
        """Status line and reason when the request is refused, else None."""
        host = environ.get("HTTP_HOST", "").lower()
        if not is_accepted(host, self.hosts):
            return "421 Misdirected Request", (
                f"expected a Host header that this dashboard answers to, received {host[:100]!r}. "
                f"Add the name to {HOSTS_VARIABLE} if it is yours."
            )
        method = environ["REQUEST_METHOD"].upper()
        if method in READING_METHODS:
            return None
        if not self.writable:
            return "403 Forbidden", (
                f"this dashboard is read-only, received {method}. "
                "Start it with `regsearch dashboard --writable` to allow changes."
            )
        if not _is_same_origin(environ, host):
            return "403 Forbidden", (
                f"expected {method} from the dashboard's own pages, received one from another origin."
            )
        return None


def is_accepted(host: str, hosts: frozenset[str]) -> bool:
    """Whether a Host header, in lower case, is among `hosts`, with its port or as a name without one."""
    name, _, port = host.rpartition(":")
    if not port.isdecimal():  # browsers leave out HTTP's own port
        name, port = host, "80"
    return bool(name) and (f"{name}:{port}" in hosts or name in hosts)


def _is_same_origin(environ: WSGIEnvironment, host: str) -> bool:
    """Whether a browser sent the request from our own page, or something that is no browser sent it.

    Browsers send Origin with every request that changes something, and Sec-Fetch-Site with all; programs send
    neither. The scheme is not compared: a proxy may speak TLS for us.
    """
    if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
        return False
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or urlsplit(origin).netloc.lower() == host


def _refuse(start_response: StartResponse, status: str, reason: str) -> Iterable[bytes]:
    """Answer with the reason, in the form in which optuna-dashboard's pages show one."""
    body = json.dumps({"reason": reason}).encode()
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", "application/json"), length, *_SECURITY_HEADERS])
    return [body]


def _with_security_headers(start_response: StartResponse, is_artifact: bool) -> StartResponse:
    """A `start_response` that adds our headers and drops those that open an answer to other origins."""
    added = [*_SECURITY_HEADERS, *(_ARTIFACT_HEADERS if is_artifact else ())]
    # A policy for content adds up; any other header of ours replaces the application's.
    replaced = {name.lower() for name, _ in added} - {"content-security-policy"}

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        kept = [
            (name, value)
            for name, value in headers
            if name.lower() not in replaced and not name.lower().startswith("access-control-")
        ]
        return start_response(status, [*kept, *added], exc_info)

    return start
