"""The dashboard as a process of its own, asked over HTTP and looked at with a browser."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import optuna
import pytest

from search.dashboard import serve_dashboard
from search.dashboard.server import _connect, _describe, _name_hosts
from search.errors import StorageError, UsageError
from search.storage import open_storage

SERVE = """
import os, sys
from search.dashboard import find_password, serve_dashboard
on_ready = lambda text: print(text, flush=True)
storage, writable, password = os.environ["STORAGE"], "--writable" in sys.argv, find_password(None)
try:
    serve_dashboard(storage, "127.0.0.1", 0, writable, on_ready, password=password)
except KeyboardInterrupt:
    sys.exit(130)  # said here: a thread that imports while Python ends makes it forget what it was that ended it
"""


@pytest.fixture
def storage(tmp_path):
    """A storage that plain Optuna made, in a folder whose name Optuna would take for a template."""
    folder = tmp_path / "{braces} 100%"
    folder.mkdir()
    path = folder / "studies.db"
    made = optuna.storages.RDBStorage(f"sqlite:///{path}".replace("{", "{{").replace("}", "}}"))
    study = optuna.create_study(study_name="two-moons", storage=made)
    study.optimize(lambda trial: trial.suggest_float("l2", 1e-6, 1e-1, log=True), n_trials=3)
    made.engine.dispose()
    return f"sqlite:///{path}"


@contextmanager
def serving(storage, *arguments):
    """A dashboard's process and port, from when it says that it is ready until it has ended."""
    command = [sys.executable, "-c", SERVE, *arguments]
    with subprocess.Popen(
        command, env={**os.environ, "STORAGE": storage}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            yield process, int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
        finally:
            process.kill()


def ask(port, method, path, **headers):
    """Status, headers and body of one answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def names(port):
    return [study["study_name"] for study in json.loads(ask(port, "GET", "/api/studies")[2])["study_summaries"]]


def test_read_only_dashboard_shows_studies_and_refuses_changes(storage):
    with serving(storage) as (_, port):
        assert ask(port, "GET", "/")[0] == 302
        status, headers, page = ask(port, "GET", "/dashboard")
        assert (status, headers["X-Frame-Options"]) == (200, "DENY")
        assert b"Optuna Dashboard" in page
        assert names(port) == ["two-moons"]
        assert len(json.loads(ask(port, "GET", "/api/studies/1")[2])["trials"]) == 3
        assert ask(port, "GET", "/favicon.ico")[0] == 200
        for method, path in [
            ("DELETE", "/api/studies/1"),
            ("POST", "/api/studies"),
            ("POST", "/api/studies/1/rename"),
            ("POST", "/api/trials/1/tell"),
            ("PUT", "/api/studies/1/note"),
            ("POST", "/incompatible-rdb-schema"),
        ]:
            assert ask(port, method, path)[0] == 403
        assert ask(port, "GET", "/api/studies", Host=f"rebound.example:{port}")[0] == 421
        assert names(port) == ["two-moons"]


def test_writable_dashboard_deletes_for_its_own_pages_only(storage):
    with serving(storage, "--writable") as (_, port):
        assert ask(port, "DELETE", "/api/studies/1", Origin="http://evil.example")[0] == 403
        assert names(port) == ["two-moons"]
        assert ask(port, "DELETE", "/api/studies/1", Origin=f"http://127.0.0.1:{port}")[0] == 204
        assert names(port) == []


def test_password_opens_every_page_and_shows_nowhere(storage, monkeypatch):
    monkeypatch.setenv("REGSEARCH_DASHBOARD_PASSWORD", "open sesame")
    with serving(storage) as (process, port):
        for path in ("/dashboard", "/api/meta", "/api/studies", "/static/bundle.js", "/favicon.ico"):
            assert ask(port, "GET", path)[0] == 401
            assert ask(port, "GET", path, Authorization="Basic dXNlcjpvcGVuIHNlc2FtZQ==")[0] == 200
        command = Path(f"/proc/{process.pid}/cmdline")
        assert not command.exists() or b"sesame" not in command.read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_ends_it_at_once(storage, number, code):
    with serving(storage) as (process, _):
        process.send_signal(number)
        assert process.wait(10) == code


def test_browser_shows_the_study(storage, tmp_path):
    with serving(storage) as (_, port):
        assert "two-moons" in read_page(f"http://127.0.0.1:{port}/", tmp_path)


def read_page(address, folder):
    """The page's elements as Chromium has them once its scripts have run."""
    chromium = shutil.which("chromium")
    assert chromium, "expected Chromium: apt-get install chromium, as .ci/run does"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=8000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_read_only_connections_refuse_writes(storage_url):
    """Even a request that slipped past the guard could not change anything."""
    open_storage(storage_url, create=True).close()
    with _connect(storage_url, writable=True) as storage:
        storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], study_name="first")
    with _connect(storage_url, writable=False) as storage:
        with pytest.raises(optuna.exceptions.StorageInternalError) as caught:
            storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], study_name="second")
        assert re.search("readonly database|read-only transaction", str(caught.value.__cause__))
        assert [study.study_name for study in storage.get_all_studies()] == ["first"]


def serve_nothing(url, host="127.0.0.1", port=0):
    serve_dashboard(url, host, port, False, on_ready=lambda text: pytest.fail(f"expected no server: {text}"))


def test_missing_file_is_an_error_and_stays_missing(tmp_path):
    with pytest.raises(StorageError):
        serve_nothing(f"sqlite:///{tmp_path / 'missing.db'}")
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_is_a_usage_error(storage):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            serve_nothing(storage, port=port)
    assert str(caught.value) == (
        f"--port: expected a free port, received {port}, which is in use on 127.0.0.1. Choose another one."
    )


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        (
            "no-such-host.invalid",
            0,
            "--host: expected an address or name of this machine, received {host!r}.",
        ),
        ("127.0.0.1", 65537, "--port: expected a port from 0 to 65535, received {port}."),
        ("127.0.0.1", 65536, "--port: expected a port from 0 to 65535, received {port}."),
        ("127.0.0.1", -1, "--port: expected a port from 0 to 65535, received {port}."),
    ],
)
def test_address_that_cannot_be_listened_on_is_a_usage_error(storage, host, port, message):
    with pytest.raises(UsageError) as caught:
        serve_nothing(storage, host, port)
    assert str(caught.value) == message.format(host=host, port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_not_let_in_without_a_password(storage, host):
    with pytest.raises(UsageError) as caught:
        serve_nothing(storage, host)
    assert str(caught.value) == (
        f"--host: expected a password where other machines can reach the dashboard, received {host!r} without one. "
        "Give --password-file FILE or $REGSEARCH_DASHBOARD_PASSWORD, or listen on 127.0.0.1."
    )


def test_what_is_told_of_the_address():
    told = _describe("127.0.0.1", 8080, False, is_local=True, asks=False)
    assert told == "Dashboard at http://127.0.0.1:8080/ (read-only). Ctrl-C ends it."
    assert _describe("0.0.0.0", 8080, True, is_local=False, asks=True) == (
        "Dashboard at http://localhost:8080/ (studies can be changed and deleted; it asks for the password, with any "
        "user name). Ctrl-C ends it.\n"
        "Warning: it listens on 0.0.0.0 and speaks HTTP: whoever listens on the way reads the password. Names other "
        "than localhost are answered when --host-name or REGSEARCH_DASHBOARD_HOSTS lists them."
    )


def test_names_of_the_environment_are_answered(monkeypatch):
    monkeypatch.setenv("REGSEARCH_DASHBOARD_HOSTS", "Dash.Example.org, other:8443,")
    own = {"127.0.0.1:1", "localhost:1", "[::1]:1"}
    assert _name_hosts("::1", 1) == own | {"dash.example.org", "other:8443"}
    assert _name_hosts("::1", 1, ["Proxy.example"]) == own | {"dash.example.org", "other:8443", "proxy.example"}
