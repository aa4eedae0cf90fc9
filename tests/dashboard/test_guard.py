"""Every rule of the guard, at the WSGI level, in front of an application that would answer anything."""

from __future__ import annotations

import json
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from search.dashboard.guard import Guard, is_accepted
from search.dashboard.passwords import Doorkeeper, PasswordHash, TooManyTriesError

KNOWN = PasswordHash.parse("$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$TP10l/J0v7dq+bTn6BbxXiexUKxCWRjz0KMUH+qZPfQ")
KNOCK = "Basic dXNlcjpvcGVuIHNlc2FtZQ=="  # user:open sesame
HOSTS = frozenset({"127.0.0.1:8080", "localhost:8080", "[::1]:8080", "dash.example.org"})


def permissive(environ, start_response):
    """An application that lets everybody in, as optuna-dashboard does."""
    assert "HTTP_ACCEPT_ENCODING" in environ
    assert "HTTP_AUTHORIZATION" not in environ
    headers = [
        ("Content-Type", "text/html"),
        ("Access-Control-Allow-Origin", "*"),
        ("Content-Disposition", "inline"),
        ("Content-Security-Policy", "default-src 'self'"),
    ]
    start_response("200 OK", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"reached"]


def ask(method="GET", path="/", host="127.0.0.1:8080", writable=False, door=None, **headers):
    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
    environ.update({f"HTTP_{name.upper()}": value for name, value in headers.items()})
    if host is not None:
        environ["HTTP_HOST"] = host
    is_hostless = host is None
    setup_testing_defaults(environ)
    if is_hostless:
        del environ["HTTP_HOST"]
    answer = {}

    def start_response(status, headers, exc_info=None):
        answer.update(status=status, headers=headers)
        return lambda data: None

    body = validator(Guard(permissive, HOSTS, writable, door))(environ, start_response)
    answer["body"] = b"".join(body)
    body.close()
    return answer


def reason(answer):
    return json.loads(answer["body"])["reason"]


def values(answer, name):
    return [value for key, value in answer["headers"] if key.lower() == name.lower()]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "LOCALHOST:8080", "[::1]:8080", "dash.example.org", "dash.example.org:8443"]
)
def test_agreed_host_is_answered(host):
    assert ask(host=host)["body"] == b"reached"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:8080,evil.example",
        "",
        None,
        "evil.dash.example.org",
        "dash.example.org.evil.example",
        "dash.example.org:",
        ":8080",
    ],
)
def test_foreign_host_is_refused(host):
    answer = ask(host=host)
    assert answer["status"] == "421 Misdirected Request"
    assert reason(answer) == (
        f"expected a Host header that this dashboard answers to, received {host or ''!r}. "
        "Add the name with --host-name or REGSEARCH_DASHBOARD_HOSTS if it is yours."
    )


def test_host_without_port_means_port_80():
    assert is_accepted("localhost", frozenset({"localhost:80"}))
    assert is_accepted("[::1]", frozenset({"[::1]:80"}))
    assert not is_accepted("localhost", frozenset({"localhost:8080"}))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("writable", [False, True])
def test_reading_is_allowed(method, writable):
    assert ask(method, writable=writable)["status"] == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_change_is_refused_when_read_only(method):
    answer = ask(method, "/api/studies/1", origin="http://127.0.0.1:8080")
    assert answer["status"] == "403 Forbidden"
    assert reason(answer) == (
        f"this dashboard is read-only, received {method}. "
        "Start it with `regsearch dashboard --writable` to allow changes."
    )


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "delete"])
def test_method_that_is_not_a_reading_one_is_refused(method):
    assert ask(method)["status"] == "403 Forbidden"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "http://127.0.0.1:8080", "sec_fetch_site": "same-origin"},
    ],
)
def test_change_from_own_page_or_program_is_allowed_when_writable(headers):
    assert ask("DELETE", "/api/studies/1", writable=True, **headers)["body"] == b"reached"


def test_origin_of_a_proxy_that_speaks_tls_is_our_own():
    answer = ask("POST", host="dash.example.org", writable=True, origin="https://dash.example.org")
    assert answer["status"] == "200 OK"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:8080"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://127.0.0.1:8080", "sec_fetch_site": "cross-site"},
    ],
)
def test_change_from_another_origin_is_refused_when_writable(headers):
    answer = ask("DELETE", "/api/studies/1", writable=True, **headers)
    assert answer["status"] == "403 Forbidden"
    assert reason(answer) == ("expected DELETE from the dashboard's own pages, received one from another origin.")


def test_foreign_host_is_refused_when_writable_too():
    assert ask("POST", host="evil.example", writable=True)["status"] == "421 Misdirected Request"


@pytest.fixture
def door():
    """Who asks for "open sesame", and lets nobody wait."""
    return Doorkeeper(KNOWN, lambda: None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic dXNlcjp3cm9uZw=="}, {"authorization": "Bearer x"}])
def test_nothing_passes_without_the_password(door, method, headers):
    answer = ask(method, writable=True, door=door, **headers)
    assert answer["status"] == "401 Unauthorized"
    assert values(answer, "WWW-Authenticate") == ['Basic realm="regsearch dashboard", charset="UTF-8"']
    assert values(answer, "Cache-Control") == ["no-store"]
    assert reason(answer) == "expected this dashboard's password, with any user name"


def test_who_has_the_password_is_let_in_and_bound_by_the_other_rules(door):
    assert ask(door=door, authorization=KNOCK)["body"] == b"reached"
    assert ask("POST", door=door, authorization=KNOCK)["status"] == "403 Forbidden"
    foreign = ask("POST", writable=True, door=door, authorization=KNOCK, origin="http://evil.example")
    assert foreign["status"] == "403 Forbidden"


def test_password_is_asked_for_under_agreed_names_alone(door):
    """A page whose name was re-pointed may not guess."""
    answer = ask(host="evil.example", door=door)
    assert answer["status"] == "421 Misdirected Request"
    assert values(answer, "WWW-Authenticate") == []


def test_too_many_who_guess_are_sent_away(door, monkeypatch):
    def busy(_):
        raise TooManyTriesError

    monkeypatch.setattr(door, "lets_in", busy)
    answer = ask(door=door)
    assert (answer["status"], values(answer, "Retry-After")) == ("429 Too Many Requests", ["2"])
    assert reason(answer) == "too many passwords are tried at once; ask again in a moment"


@pytest.mark.parametrize("answer", [ask(), ask("POST"), ask(host="evil.example"), ask(door=Doorkeeper(KNOWN))])
def test_every_answer_forbids_framing_sniffing_and_other_origins(answer):
    assert values(answer, "X-Content-Type-Options") == ["nosniff"]
    assert values(answer, "X-Frame-Options") == ["DENY"]
    assert values(answer, "Referrer-Policy") == ["no-referrer"]
    assert values(answer, "Cross-Origin-Resource-Policy") == ["same-origin"]
    assert values(answer, "Cross-Origin-Opener-Policy") == ["same-origin"]
    assert "frame-ancestors 'none'" in " ".join(values(answer, "Content-Security-Policy"))
    assert values(answer, "Access-Control-Allow-Origin") == []


def test_own_policy_of_the_application_is_kept():
    own, ours = values(ask(), "Content-Security-Policy")
    assert own == "default-src 'self'"
    assert "default-src" not in ours


def test_page_that_is_not_modified_keeps_the_policy_of_the_page():
    """A browser puts it in the place of the one that it kept: with another one, a page that is reloaded stays blank."""
    told = {}

    def unmodified(environ, start_response):
        start_response("304 Not Modified", [("Content-Security-Policy", "default-src 'self'"), ("ETag", "1")])
        return []

    environ = {"REQUEST_METHOD": "GET", "HTTP_HOST": "127.0.0.1:8080"}
    setup_testing_defaults(environ)
    list(Guard(unmodified, HOSTS)(environ, lambda status, headers, exc_info=None: told.update(headers=headers)))
    assert values(told, "Content-Security-Policy") == values(ask(), "Content-Security-Policy")


def test_what_is_no_page_loads_nothing():
    assert "default-src 'none'" in values(ask("POST"), "Content-Security-Policy")


@pytest.mark.parametrize("path", ["/artifacts/1/00ff", "//artifacts/1/2/00ff"])
def test_artifact_is_a_download(path):
    answer = ask(path=path)
    assert values(answer, "Content-Disposition") == ["attachment"]
    assert "sandbox; default-src 'none'" in values(answer, "Content-Security-Policy")


def test_page_is_no_download():
    assert values(ask(path="/dashboard"), "Content-Disposition") == ["inline"]
