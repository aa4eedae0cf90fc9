"""The layer that answers for the studies that regsearch began; all else is optuna-dashboard's.

An answer is made once for each state of a study and shared by all who ask for it; so much is made at a time, and what
is asked for beyond that is refused for a moment (503, Retry-After). Whoever asks again for what has not changed is
told so (304) without its being sent. While a study runs its page is made anew at most so often that this takes half a
hundredth of the time; figures and importances have as much, each.

When the database does not answer, pages and answers say so (503) and come back with it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from search.dashboard.importances import weigh_parameters
from search.dashboard.page import PATIENCE, FollowedStudy, StudyPage, attributes_of_study
from search.dashboard.sharing import SharedWork, TooBusyError
from search.dashboard.table import trials_csv
from search.errors import StorageError, UnknownStudyError
from search.records import TrialState

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from search.dashboard.source import Source
    from search.records import Coordinator
    from search.storage import Storage

_ROUTE = re.compile(r"/api/studies/(?P<key>\d+)(?P<rest>/param_importances|/plot/\w+)?|/csv/(?P<table>\d+)")
_PAGE = re.compile(r"/dashboard/studies/(\d+)(?:/|$)")
_MOST_FOLLOWED = 4
"""Studies whose pages are kept."""
_MOST_BODIES = 6
"""Answers that are kept of a page, by the trial that they begin with."""
_GZIP_LEVEL = 1
_HOLDER_SECONDS = 5.0
"""How long who coordinates a study is believed to be alive; an end in good order is seen at once."""
_SHORTEST_COMPRESSED = 2_000

_JSON = "application/json"
_STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:4rem auto;padding:0 1rem}"
_SCRIPT = 'setInterval(() => fetch("/api/studies").then(told => told.ok && location.reload()), 5000)'


@dataclass(frozen=True)
class Answer:
    """What is sent.

    Args:
        status: Status line.
        body: Its bytes.
        kind: Their content type.
        headers: Further headers.
    """

    status: str
    body: bytes
    kind: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class _Followed:
    """A study that pages ask for, and its latest page."""

    storage: Storage
    name: str
    study: FollowedStudy
    page: StudyPage | None = None
    due: float = 0.0
    bodies: dict[tuple[int, bool], bytes] = field(default_factory=dict)
    importances: tuple[int, bytes] | None = None
    importances_due: float = 0.0
    holder: Coordinator | None = None
    holder_due: float = 0.0

    def look_for_holder(self) -> Coordinator | None:
        """Who coordinates the study."""
        is_due = time.monotonic() >= self.holder_due
        self.holder = self.storage.holder(self.name, None if is_due else self.holder)
        if is_due:
            self.holder_due = time.monotonic() + _HOLDER_SECONDS
        return self.holder


class StudyPages:
    """A WSGI application in front of optuna-dashboard's.

    Args:
        app: optuna-dashboard's.
        source: The database.
        work: What bounds the answers that are made at a time.
    """

    def __init__(self, app: WSGIApplication, source: Source, work: SharedWork | None = None) -> None:
        self._app = app
        self._source = source
        self._work = SharedWork() if work is None else work
        self._followed: dict[int, _Followed] = {}
        self._lock = threading.Lock()
        self._mark = secrets.token_hex(4)  # a page of another process may be of another version

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "").rstrip("/")
        try:
            answer = self._answer(path, environ)
        except TooBusyError:
            answer = _refusal("too much is asked for at once; ask again in a moment", ("Retry-After", "2"))
        except UnknownStudyError as error:
            answer = Answer("404 Not Found", _dumped({"reason": str(error)}))
        except StorageError as error:
            if path == "" or path.startswith("/dashboard"):
                answer = _sorry(error)
            else:
                answer = _refusal(str(error), ("Retry-After", "5"))
        if answer is None:
            opened = _PAGE.match(path)
            return self._app(environ, start_response if opened is None else _telling_ahead(start_response, opened[1]))
        length = ("Content-Length", str(len(answer.body)))
        start_response(answer.status, [("Content-Type", answer.kind), length, *answer.headers])
        return [] if environ["REQUEST_METHOD"].upper() == "HEAD" else [answer.body]

    def prepare(self) -> None:
        """Make the page of the study that was begun last, which is the likeliest to be looked at, before it is.

        Raises:
            StorageError: The database does not answer.
            UnknownStudyError: The study is deleted meanwhile.
            TooBusyError: Too much is asked for at once.
        """
        storage = self._source.storage()
        for study in storage.studies()[-1:]:
            followed = self._follow(storage, study.study_id, study.name)
            page = self._page(followed, study.study_id)
            self._body(followed, page, 0, packed=True)

    def _answer(self, path: str, environ: WSGIEnvironment) -> Answer | None:
        """Our answer, or optuna-dashboard's where it is costly; None where it is to answer by itself.

        Raises:
            StorageError: The database does not answer.
            TooBusyError: Too much is asked for at once.
        """
        if not _needs_database(path):
            return None
        storage = self._source.storage()
        route = _ROUTE.fullmatch(path)
        if environ["REQUEST_METHOD"].upper() not in ("GET", "HEAD"):
            return None
        if path == "/api/studies":
            return self._work.share("studies", lambda: self._list(storage, environ))
        if route is None:
            return None
        key = int(route["key"] or route["table"])
        name = storage.name_of(key)
        if name is None or (route["rest"] or "").startswith("/plot"):
            asked = (path, environ.get("QUERY_STRING", ""))
            return self._work.share(asked, lambda: collect(self._app, environ))
        if route["table"]:
            return self._table(storage, key, name, environ)
        if route["rest"]:
            return self._importances(storage, key, name)
        return self._study(storage, key, name, environ)

    def _list(self, storage: Storage, environ: WSGIEnvironment) -> Answer:
        """optuna-dashboard's list, in which our studies have the attributes that their pages show."""
        answer = collect(self._app, environ)
        if not answer.status.startswith("200"):
            return answer
        document = json.loads(answer.body)
        ours = {study.study_id: study for study in storage.studies()}
        for summary in document["study_summaries"]:
            if summary["study_id"] in ours:
                summary["user_attrs"] = attributes_of_study(ours[summary["study_id"]])
        return Answer(answer.status, _dumped(document))

    def _study(self, storage: Storage, key: int, name: str, environ: WSGIEnvironment) -> Answer:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("after", ["0"])[0]
        if not asked.isdecimal():
            return Answer("400 Bad Request", _dumped({"reason": "`after` should be larger or equal 0."}))
        after = int(asked)
        followed = self._follow(storage, key, name)
        page = self._page(followed, key)
        packed = _takes_gzip(environ)
        tag = ("ETag", f'"{self._mark}-{page.state}-{after}{"-gzip" * packed}"')
        headers = [tag, ("Cache-Control", "no-cache"), ("Vary", "Accept-Encoding")]
        if environ.get("HTTP_IF_NONE_MATCH") == tag[1]:
            return Answer("304 Not Modified", b"", headers=tuple(headers))
        if packed:
            headers.append(("Content-Encoding", "gzip"))
        return Answer("200 OK", self._body(followed, page, after, packed=packed), headers=tuple(headers))

    def _body(self, followed: _Followed, page: StudyPage, after: int, *, packed: bool) -> bytes:
        body = followed.bodies.get((after, packed)) if page is followed.page else None
        if body is None:
            asked = (page.study.study_id, page.state, after, packed)
            body = self._work.share(asked, lambda: _keep_body(followed, page, after, packed))
        return body

    def _follow(self, storage: Storage, key: int, name: str) -> _Followed:
        with self._lock:
            followed = self._followed.pop(key, None)
            if followed is None or followed.storage is not storage or followed.name != name:
                followed = _Followed(storage, name, FollowedStudy(storage, name))
            self._followed[key] = followed  # the last one is the latest that was asked for
            for other in list(self._followed)[:-_MOST_FOLLOWED]:
                del self._followed[other]
        return followed

    def _page(self, followed: _Followed, key: int) -> StudyPage:
        """The page of the study's present state, or the latest one while that is of the last few seconds."""
        storage, page = followed.storage, followed.page
        holder = followed.look_for_holder()
        state = f"{storage.state(key)}-{'' if holder is None else holder.pid}"
        if page is not None and (page.state == state or (holder is not None and time.monotonic() < followed.due)):
            return page
        return self._work.share((key, "page"), lambda: _make_page(followed, state, holder))

    def _importances(self, storage: Storage, key: int, name: str) -> Answer:
        followed = self._follow(storage, key, name)
        page = self._page(followed, key)  # the study itself comes first: a browser asks for both at once
        kept = followed.importances
        n_complete = sum(trial.state is TrialState.COMPLETE for trial in page.records)
        is_early = followed.holder is not None and time.monotonic() < followed.importances_due
        if kept is None or (kept[0] != n_complete and not is_early):
            kept = self._work.share((key, "importances", n_complete), lambda: _weigh(followed, page, n_complete))
        return Answer("200 OK", kept[1])

    def _table(self, storage: Storage, key: int, name: str, environ: WSGIEnvironment) -> Answer:
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("trial_ids", [""])[0]
        numbers = [int(each) for each in asked.split(",") if each.strip().isdecimal()]
        page = self._page(self._follow(storage, key, name), key)
        table = self._work.share((key, page.state, "csv", asked), lambda: trials_csv(page.after(0), numbers))
        file = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
        attached = ("Content-Disposition", f'attachment; filename="{file}.csv"')
        return Answer("200 OK", table.encode(), "text/csv; charset=utf-8", (attached,))


def _make_page(followed: _Followed, state: str, holder: Coordinator | None) -> StudyPage:
    is_first = followed.page is None
    page = followed.study.make_page(state, holder)
    # The first page reads all trials, the next ones what is new.
    due = time.monotonic() + (0.0 if is_first else PATIENCE * followed.study.seconds)
    followed.page, followed.due, followed.bodies = page, due, {}
    return page


def _weigh(followed: _Followed, page: StudyPage, n_complete: int) -> tuple[int, bytes]:
    is_first, begun = followed.importances is None, time.thread_time()
    weighed = weigh_parameters(page.study, page.records)
    kept = n_complete, _dumped({"param_importances": [weighed]})
    # The first time imports what weighs.
    due = time.monotonic() + (0.0 if is_first else PATIENCE * (time.thread_time() - begun))
    followed.importances, followed.importances_due = kept, due
    return kept


def _keep_body(followed: _Followed, page: StudyPage, after: int, packed: bool) -> bytes:
    body = page.after(after)
    if packed:
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    if page is followed.page:
        bodies = followed.bodies
        bodies[after, packed] = body
        for other in list(bodies)[:-_MOST_BODIES]:
            bodies.pop(other, None)
    return body


def _needs_database(path: str) -> bool:
    return path == "" or (path.startswith(("/dashboard", "/api/", "/csv/", "/artifacts/")) and path != "/api/meta")


def _takes_gzip(environ: WSGIEnvironment) -> bool:
    return bool(re.search(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", environ.get("HTTP_ACCEPT_ENCODING", "")))


def _telling_ahead(start_response: StartResponse, key: str) -> StartResponse:
    """A `start_response` that tells the browser what the page will ask for: it asks while it reads the page's script,
    which takes it a second.
    """
    link = ("Link", f"</api/studies/{key}?after=0>; rel=preload; as=fetch; crossorigin")

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        return start_response(status, [*headers, link], exc_info)

    return start


def collect(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """The answer of another application, whole, so that it can be shared."""
    started: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], object]:
        started[:] = [status, headers]
        return lambda _: None

    chunks = app({**environ, "REQUEST_METHOD": "GET"}, start)
    try:
        body = b"".join(chunks)
    finally:
        if callable(close := getattr(chunks, "close", None)):
            close()
    status, headers = started
    kinds = [value for name, value in headers if name.lower() == "content-type"]
    others = [(name, value) for name, value in headers if name.lower() not in ("content-type", "content-length")]
    return Answer(status, body, kinds[0] if kinds else _JSON, tuple(others))


def _refusal(reason: str, *headers: tuple[str, str]) -> Answer:
    return Answer("503 Service Unavailable", _dumped({"reason": reason}), headers=headers)


def _sorry(error: StorageError) -> Answer:
    """A page that tells what is wrong, and asks again by itself."""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>regsearch: no database</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        "</head><body><main><h1>The database does not answer</h1>"
        f"<p>{html.escape(str(error))}</p><p>It is asked again every 5 seconds.</p></main>"
        f"<script>{_SCRIPT}</script></body></html>"
    )
    allowed = f"style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}"
    policy = f"default-src 'none'; connect-src 'self'; img-src 'self'; {allowed}"
    headers = (("Retry-After", "5"), ("Content-Security-Policy", policy))
    return Answer("503 Service Unavailable", page.encode(), "text/html; charset=utf-8", headers)


def _source(text: str) -> str:
    """A style or script of ours, as a policy for content names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _dumped(document: Any) -> bytes:
    return json.dumps(document).encode()
