"""The guard in front of every route that optuna-dashboard itself has, read from its own table."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import optuna
import optuna_dashboard
import pytest
from optuna.artifacts import FileSystemArtifactStore

from search.dashboard.guard import READING_METHODS, Guard
from search.dashboard.passwords import Doorkeeper, PasswordHash

HOST = "127.0.0.1:8080"
READ = {
    "/",
    "/api/meta",
    "/api/studies",
    "/api/studies/<study_id:int>",
    "/api/studies/<study_id:int>/param_importances",
    "/api/studies/<study_id:int>/plot/<plot_type>",
    "/artifacts/<study_id:int>/<artifact_id:re:[0-9a-fA-F-]+>",
    "/artifacts/<study_id:int>/<trial_id:int>/<artifact_id:re:[0-9a-fA-F-]+>",
    "/csv/<study_id:int>",
    "/dashboard<:re:(/.*)?>",
    "/favicon.ico",
    "/incompatible-rdb-schema",
    "/static/<filename:path>",
}
"""Routes that are read, each looked at: none of them changes anything. A new one fails the test until it was."""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("routes") / "studies.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(study_name="moons", storage=storage)
    study.optimize(lambda trial: trial.suggest_float("l2", 0, 1), n_trials=2)
    storage.remove_session()
    storage.engine.dispose()
    return path


@pytest.fixture
def app(database, tmp_path):
    """optuna-dashboard with all that it can have, which is more than we give it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{database}")
    yield optuna_dashboard.wsgi(storage, artifact_store=FileSystemArtifactStore(tmp_path))
    storage.remove_session()
    storage.engine.dispose()


def paths(app, *, reading):
    """Method, rule and a path of each route."""
    for route in app.routes:
        if (route.method in READING_METHODS) is reading:
            path = re.sub(r"<:re:[^>]*>", "", route.rule)
            path = re.sub(r"<\w+:path>", "bundle.js", path)
            path = path.replace("<plot_type>", "contour")
            yield route.method, route.rule, re.sub(r"<[^>]*>", "1", path)


def ask(app, method, path, **environ):
    told = {}
    given = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "HTTP_HOST": HOST, "SERVER_NAME": ""}
    given |= {"wsgi.input": io.BytesIO(b"{}"), "CONTENT_LENGTH": "2", "CONTENT_TYPE": "application/json"}
    chunks = app(given | {"wsgi.errors": io.StringIO()} | environ, lambda status, headers, *_: told.update(s=status))
    if hasattr(chunks, "close"):
        chunks.close()
    return told["s"]


def guarded(app, reached, **options):
    def noted(environ, start_response):
        reached.append(environ["PATH_INFO"])
        return app(environ, start_response)

    return Guard(noted, frozenset({HOST}), **options)


def test_no_route_takes_every_method(app):
    assert {route.method for route in app.routes} <= {"GET", "POST", "PUT", "DELETE", "PATCH"}


def test_every_route_that_changes_something_is_refused_unless_writable(app):
    changing, reached = list(paths(app, reading=False)), []
    assert len(changing) >= 15
    for method, rule, path in changing:
        assert ask(guarded(app, reached), method, path) == "403 Forbidden", rule
        foreign = ask(guarded(app, reached, writable=True), method, path, HTTP_ORIGIN="http://evil.example")
        assert foreign == "403 Forbidden", rule
    assert reached == []


def test_every_route_wants_the_password(app):
    door, reached = Doorkeeper(PasswordHash.make("open sesame"), lambda: None), []
    for reading in (True, False):
        for method, rule, path in paths(app, reading=reading):
            assert ask(guarded(app, reached, writable=True, door=door), method, path) == "401 Unauthorized", rule
    assert reached == []


def test_routes_that_are_read_are_known_and_change_nothing(app, database):
    assert {rule for _, rule, _ in paths(app, reading=True)} == READ
    before = hashlib.sha256(Path(database).read_bytes()).digest()
    for method, _, path in paths(app, reading=True):
        ask(guarded(app, []), method, path)
    assert hashlib.sha256(Path(database).read_bytes()).digest() == before
