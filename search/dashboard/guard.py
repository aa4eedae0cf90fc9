"""The guard: a WSGI middleware that decides which requests reach optuna-dashboard.

A page on any website may send requests to a server on this machine through the visitor's browser. The first rules
keep such a page out, and the last one keeps what is shown from being framed or run:

1. The Host header must be a name that was agreed on. A page whose name was re-pointed to this machine (DNS
   rebinding) sends its own name, and would otherwise read everything.
2. Where there is a password, every request must bring it (`search.dashboard.passwords`).
3. Unless the dashboard is writable, only GET, HEAD and OPTIONS pass.
4. When it is writable, a request that changes something must come from the dashboard's own pages.
5. Every answer carries headers that forbid framing, sniffing and reading from another origin; an artifact (a
   file that a trial uploaded) is always a download, never a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from search.dashboard.passwords import TooManyTriesError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from search.dashboard.passwords import Doorkeeper

HOSTS_VARIABLE = "REGSEARCH_DASHBOARD_HOSTS"
"""Environment variable: further names, separated by commas, under which browsers reach the dashboard."""

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    # optuna-dashboard sends a policy of its own with its page; a browser obeys both.
    ("Content-Security-Policy", "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
)
_NOT_A_PAGE = ("Content-Security-Policy", "default-src 'none'")
"""What is no page loads nothing, should somebody open it as one."""

_ARTIFACT_HEADERS = (
    ("Content-Disposition", "attachment"),
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
)


@dataclass(frozen=True)
class _Refusal:
    """Why a request does not pass.

    Args:
        status: Status line.
        reason: In words.
        headers: That go with it.
    """

    status: str
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Guard:
    """A WSGI application that passes on to `app` what the rules above allow.

    Args:
        app: The application to guard.
        hosts: Accepted Host headers, in lower case: `name:port` for exactly that, `name` for any port.
        writable: Whether requests that change something pass at all.
        door: Who must be asked first; None lets everybody in.
    """

    app: WSGIApplication
    hosts: frozenset[str]
    writable: bool = False
    door: Doorkeeper | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        refusal = self._find_refusal(environ)
        if refusal is not None:
            return _refuse(start_response, refusal)
        # Nothing behind this line has use for it; what is not there is not logged.
        environ.pop("HTTP_AUTHORIZATION", None)
        # optuna-dashboard reads this header without asking whether it is there.
        environ.setdefault("HTTP_ACCEPT_ENCODING", "identity")
        is_artifact = environ.get("PATH_INFO", "").lstrip("/").startswith("artifacts/")
        return self.app(environ, _with_security_headers(start_response, is_artifact))

    def _find_refusal(self, environ: WSGIEnvironment) -> _Refusal | None:
        host = environ.get("HTTP_HOST", "").lower()
        if not is_accepted(host, self.hosts):
            return _Refusal(
                "421 Misdirected Request",
                f"expected a Host header that this dashboard answers to, received {host[:100]!r}. "
                f"Add the name with --host-name or {HOSTS_VARIABLE} if it is yours.",
            )
        if self.door is not None and (refusal := _ask_for_password(self.door, environ)) is not None:
            return refusal
        method = environ["REQUEST_METHOD"].upper()
        if method in READING_METHODS:
            return None
        if not self.writable:
            return _Refusal(
                "403 Forbidden",
                f"this dashboard is read-only, received {method}. "
                "Start it with `regsearch dashboard --writable` to allow changes.",
            )
        if not _is_same_origin(environ, host):
            return _Refusal(
                "403 Forbidden", f"expected {method} from the dashboard's own pages, received one from another origin."
            )
        return None


def _ask_for_password(door: Doorkeeper, environ: WSGIEnvironment) -> _Refusal | None:
    try:
        if door.lets_in(environ.get("HTTP_AUTHORIZATION", "")):
            return None
    except TooManyTriesError:
        reason = "too many passwords are tried at once; ask again in a moment"
        return _Refusal("429 Too Many Requests", reason, (("Retry-After", "2"),))
    asked = ("WWW-Authenticate", 'Basic realm="regsearch dashboard", charset="UTF-8"')
    return _Refusal("401 Unauthorized", "expected this dashboard's password, with any user name", (asked,))


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


def _refuse(start_response: StartResponse, refusal: _Refusal) -> Iterable[bytes]:
    """Answer with the reason, in the form in which optuna-dashboard's pages show one."""
    body = json.dumps({"reason": refusal.reason}).encode()
    about = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(refusal.status, [*about, *refusal.headers, *_SECURITY_HEADERS, _NOT_A_PAGE])
    return [body]


def _with_security_headers(start_response: StartResponse, is_artifact: bool) -> StartResponse:
    """A `start_response` that adds our headers and drops those that open an answer to other origins."""

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        # A browser puts what comes with "not modified" in the place of what it has kept, which may be a page.
        may_be_page = status.startswith("304") or any(
            name.lower() == "content-type" and value.startswith("text/html") for name, value in headers
        )
        added = [
            *_SECURITY_HEADERS,
            *(() if may_be_page else (_NOT_A_PAGE,)),
            *(_ARTIFACT_HEADERS if is_artifact else ()),
        ]
        # A policy for content adds up; any other header of ours replaces the application's.
        replaced = {name.lower() for name, _ in added} - {"content-security-policy"}
        kept = [
            (name, value)
            for name, value in headers
            if name.lower() not in replaced and not name.lower().startswith("access-control-")
        ]
        return start_response(status, [*kept, *added], exc_info)

    return start
