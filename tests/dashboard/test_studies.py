"""The layer between guard and optuna-dashboard: what it answers itself, what it lets pass, and when nothing answers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

from search.dashboard import studies as layer
from search.dashboard.server import _connect, _create_app
from search.dashboard.sharing import SharedWork
from search.dashboard.source import Source
from search.dashboard.studies import StudyPages
from search.records import Configuration, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage


@contextmanager
def serving(url, work=None, writable=False):
    """A function that asks the layer over optuna-dashboard, without a server."""
    with _connect(url, writable) as storage:
        app, forget = _create_app(storage)
        with closing(Source(url, forget)) as source:
            yield asking(StudyPages(app, source, work))


def pages_of(ask):
    """The layer that a function asks."""
    return next(iter(ask.__closure__)).cell_contents


def asking(app):
    def ask(path, method="GET", body=b"", **headers):
        path, _, query = path.partition("?")
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "here"}
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "wsgi.errors": io.StringIO()}
        environ |= {"CONTENT_TYPE": "application/json", "HTTP_ACCEPT_ENCODING": "identity"}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        told = {}
        chunks = app(environ, lambda status, headers, *_: told.update(status=int(status[:3]), headers=dict(headers)))
        body = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        return SimpleNamespace(body=body, **told)

    return ask


@pytest.fixture
def ask(database):
    with serving(f"sqlite:///{database}") as asked:
        yield asked


def test_our_study_is_told_by_us_and_another_ones_by_optuna_dashboard(database):
    theirs = optuna.storages.RDBStorage(f"sqlite:///{database}")
    study = optuna.create_study(study_name="foreign", storage=theirs)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    study.set_user_attr("mine", {"a": 1})
    theirs.engine.dispose()
    with serving(f"sqlite:///{database}") as ask:
        ours, foreign = (json.loads(ask(f"/api/studies/{key}").body) for key in (1, 2))
        assert (ours["objective_names"], "objective_names" in foreign) == (["log_loss"], False)
        assert ours["note"]["body"].startswith("**Does regularization help on sklearn.make\\_moons".replace("\\_", "_"))
        assert (foreign["note"], foreign["plotly_graph_objects"]) == ({"version": 0, "body": ""}, [])
        assert len(foreign["trials"]) == 3
        mine, other = json.loads(ask("/api/studies").body)["study_summaries"]
        assert {each["key"]: each["value"] for each in mine["user_attrs"]}["trials"] == "30"
        assert other["user_attrs"] == [{"key": "mine", "value": '{"a": 1}'}]
        assert json.loads(ask("/api/studies/3").body) == {"reason": "study_id=3 is not found"}


def test_answers_begin_with_the_trial_that_is_asked_for(ask):
    assert [len(json.loads(ask(f"/api/studies/1?after={n}").body)["trials"]) for n in (0, 28, 30, 999)] == [30, 2, 0, 0]
    for nonsense in ("-1", "x", "1.5", ""):
        refused = ask(f"/api/studies/1?after={nonsense}") if nonsense else None
        if refused is not None:
            assert refused.status == 400
            assert json.loads(refused.body) == {"reason": "`after` should be larger or equal 0."}


def test_packed_answers_are_the_same(ask):
    plain, packed = ask("/api/studies/1"), ask("/api/studies/1", accept_encoding="br;q=1, gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in ask("/api/studies/1", accept_encoding="gzip;q=0").headers
    assert plain.headers["Vary"] == "Accept-Encoding"


def test_what_has_not_changed_is_not_sent_again(ask, storage):
    first = ask("/api/studies/1?after=30")
    again = ask("/api/studies/1?after=30", if_none_match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert ask("/api/studies/1?after=0", if_none_match=first.headers["ETag"]).status == 200
    storage.write(1, [Started(30, Configuration()), Ended(30, TrialState.COMPLETE, 0.5)])
    changed = ask("/api/studies/1?after=30", if_none_match=first.headers["ETag"])
    assert (changed.status, len(json.loads(changed.body)["trials"])) == (200, 1)


def test_a_page_is_made_once_for_a_state(ask, monkeypatch):
    made = []
    make = layer._make_page
    monkeypatch.setattr(layer, "_make_page", lambda *given: made.append(1) or make(*given))
    for path in ("/api/studies/1", "/api/studies/1?after=30", "/csv/1", "/api/studies/1/param_importances"):
        assert ask(path).status == 200
    assert len(made) == 1


def test_page_of_the_latest_study_is_made_before_it_is_asked_for(ask, monkeypatch):
    pages_of(ask).prepare()
    monkeypatch.setattr(layer, "_make_page", lambda *_: pytest.fail("expected the page that is there"))
    monkeypatch.setattr(layer, "_keep_body", lambda *_: pytest.fail("expected the answer that is there"))
    assert len(json.loads(gzip.decompress(ask("/api/studies/1", accept_encoding="gzip").body))["trials"]) == 30


def test_nothing_is_prepared_where_there_is_no_study(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    open_storage(url, create=True).close()
    with serving(url) as ask:
        pages_of(ask).prepare()
        assert ask("/api/studies").status == 200


def test_page_of_a_study_tells_the_browser_what_it_will_ask_for(ask):
    link = "</api/studies/1?after=0>; rel=preload; as=fetch; crossorigin"
    for path in ("/dashboard/studies/1", "/dashboard/studies/1/note", "/dashboard/studies/1/"):
        assert ask(path).headers["Link"] == link
    for path in ("/dashboard", "/dashboard/compare-studies", "/api/studies/1", "/dashboard/studies/1x"):
        assert "Link" not in ask(path).headers


def test_importances_of_a_study_that_runs_are_weighed_a_small_part_of_the_time(ask, storage, monkeypatch):
    now, spent, weighed = 1000.0, iter(range(100)), []
    weigh = layer.weigh_parameters
    monkeypatch.setattr(layer, "weigh_parameters", lambda *given: weighed.append(now) or weigh(*given))
    monkeypatch.setattr(layer, "time", SimpleNamespace(monotonic=lambda: now, thread_time=lambda: next(spent)))

    def end_a_trial(number):
        storage.write(1, [Started(number, Configuration()), Ended(number, TrialState.COMPLETE, 0.5)])
        pages_of(ask)._followed[1].due = 0.0
        assert ask("/api/studies/1/param_importances").status == 200

    with storage.hold("quick"):
        ask("/api/studies/1/param_importances")
        for number, now in enumerate((1001.0, 1002.0, 1200.0, 1202.0), start=30):  # noqa: B007  # 1 s each, the first is free
            end_a_trial(number)
        assert weighed == [1000.0, 1001.0, 1202.0]
        end_a_trial(34)
        assert len(weighed) == 3
    ask("/api/studies/1/param_importances")
    assert len(weighed) == 4


def test_who_coordinates_is_looked_for_every_few_seconds(ask, storage, monkeypatch):
    now, asked = 1000.0, []
    monkeypatch.setattr(layer.time, "monotonic", lambda: now)
    served = pages_of(ask)._source.storage()
    holder = served.holder
    monkeypatch.setattr(served, "holder", lambda name, known: asked.append(known) or holder(name, known))
    storage.set_n_trials(1, 99)
    with storage.hold("quick"):
        for now in (1000.0, 1001.0, 1004.0, 1006.0):  # noqa: B007
            told = json.loads(ask("/api/studies/1").body)["note"]["body"]
        assert [known is None for known in asked] == [True, False, False, True]
    ended = json.loads(ask("/api/studies/1").body)["note"]["body"]
    assert ("This page follows it" in told, "This page follows it" in ended) == (True, False)


def test_a_study_that_runs_is_made_anew_a_small_part_of_the_time(ask, storage, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(layer.time, "monotonic", lambda: now)
    with storage.hold("quick"):
        ask("/api/studies/1")
        layer_state = pages_of(ask)._followed[1]
        layer_state.due = now + 5
        storage.write(1, [Started(30, Configuration()), Ended(30, TrialState.COMPLETE, 0.5)])
        assert json.loads(ask("/api/studies/1?after=30").body)["trials"] == []
        now += 6
        assert len(json.loads(ask("/api/studies/1?after=30").body)["trials"]) == 1
        assert "It runs: 31 of 30" not in ask("/api/studies/1").body.decode()
        layer_state.due = now + 5
    assert "This page follows it" not in json.loads(ask("/api/studies/1").body)["note"]["body"]


def test_too_much_at_once_is_refused_for_a_moment(database):
    with serving(f"sqlite:///{database}", SharedWork(at_once=0, waiting=0)) as ask:
        for path in ("/api/studies/1", "/api/studies", "/api/studies/2", "/api/studies/2/plot/slice"):
            refused = ask(path)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
            assert json.loads(refused.body) == {"reason": "too much is asked for at once; ask again in a moment"}
        assert ask("/api/meta").status == 200
        assert ask("/dashboard").status == 200


def test_head_has_no_body(ask):
    whole, head = ask("/api/studies/1"), ask("/api/studies/1", "HEAD")
    assert head.body == b""
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_table_has_a_row_a_trial_as_it_was_trained(ask, storage):
    answer = ask("/csv/1")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="quick.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    trials = storage.trials(1)
    assert len(rows) == 30
    assert [float(row["log_loss"]) for row in rows] == [trial.score for trial in trials]
    for row, trial in zip(rows, trials, strict=True):
        assert row["Param dropout"] == str(trial.configuration.get("dropout", "off"))
    assert list(rows[0])[:4] == ["Number", "State", "log_loss", "Param dropout"]
    some = list(csv.DictReader(io.StringIO(ask("/csv/1?trial_ids=3,7").body.decode())))
    assert [row["Number"] for row in some] == ["3", "7"]


def test_importances_are_optunas_own(ask, database):
    study = optuna.load_study(study_name="quick", storage=f"sqlite:///{database}")
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with pytest.warns(UserWarning, match="to achieve low `target` values"):
        known = optuna.importance.get_param_importances(study, evaluator=evaluator, target=lambda trial: trial.value)
    (told,) = json.loads(ask("/api/studies/1/param_importances").body)["param_importances"]
    assert {each["name"]: each["importance"] for each in told} == pytest.approx(known)
    assert {each["distribution"] for each in told} <= {
        "FloatDistribution",
        "IntDistribution",
        "CategoricalDistribution",
    }


def test_notes_of_users_are_shown_alone_and_can_be_saved(database):
    with serving(f"sqlite:///{database}", writable=True) as ask:
        told = json.loads(ask("/api/studies/1").body)
        key = told["trials"][3]["trial_id"]
        for path, note in (("", told["note"]), (f"/{key}", told["trials"][3]["note"])):
            saved = json.dumps({"version": note["version"] + 1, "body": f"mine{path}"}).encode()
            assert ask(f"/api/studies/1{path}/note", "PUT", saved).status == 204
            assert ask(f"/api/studies/1{path}/note", "PUT", saved).status == 409
        again = json.loads(ask("/api/studies/1").body)
        assert again["note"] == {"version": told["note"]["version"] + 1, "body": "mine"}
        assert again["trials"][3]["note"] == {"version": 1, "body": f"mine/{key}"}
        assert again["trials"][4]["note"] == told["trials"][4]["note"]
        emptied = json.dumps({"version": again["note"]["version"] + 1, "body": ""}).encode()
        assert ask("/api/studies/1/note", "PUT", emptied).status == 204
        assert json.loads(ask("/api/studies/1").body)["note"]["body"] == told["note"]["body"]


def test_study_that_is_deleted_is_not_found(database):
    with serving(f"sqlite:///{database}", writable=True) as ask:
        assert ask("/api/studies/1").status == 200
        assert ask("/api/studies/1", "DELETE").status == 204
        assert ask("/api/studies/1").status == 404
        assert json.loads(ask("/api/studies").body) == {"study_summaries": []}


def test_database_of_plain_optuna_gets_our_tables_later(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    theirs = optuna.storages.RDBStorage(url)
    optuna.create_study(study_name="foreign", storage=theirs)
    theirs.engine.dispose()
    with serving(url) as ask:
        assert json.loads(ask("/api/studies/1").body)["name"] == "foreign"
        pages_of(ask)._source._checked -= 60
        make_study(url)
        assert json.loads(ask("/api/studies/2").body)["objective_names"] == ["log_loss"]


def make_study(url, name="moons"):
    spec = {"study": {}, "data": {"source": "sklearn.make_moons"}, "space": {}, "confirm": {}}
    with open_storage(url, create=True) as storage:
        study = storage.create_study(name, "minimize", "log_loss", spec, "0", StudyFacts("binary"), 3)
        storage.write(study.study_id, [Started(0, Configuration()), Ended(0, TrialState.COMPLETE, 0.5)])


PATHS = ("/api/studies", "/api/studies/1", "/api/studies/1/param_importances", "/csv/1", "/api/trials/1/tell")


def test_missing_file_is_told_and_comes_back(database, tmp_path, capfd):
    away = tmp_path / "away.db"
    with serving(f"sqlite:///{database}") as ask:
        assert ask("/api/studies/1").status == 200
        Path(database).replace(away)
        for path in PATHS:
            refused = ask(path)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            assert json.loads(refused.body)["reason"] == (
                f"storage sqlite:///{database}: expected the file {database} to exist, received none. "
                "No studies yet? `regsearch run moons` creates it; otherwise check the path."
            )
        page = ask("/dashboard/studies/1")
        assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
        assert "<h1>The database does not answer</h1>" in page.body.decode()
        assert not Path(database).exists()
        away.replace(database)
        for path in PATHS[:4]:
            assert ask(path).status == 200
        assert ask("/dashboard/studies/1").status == 200
    assert capfd.readouterr() == ("", "")


def test_file_in_the_place_of_another_is_read_anew(database, tmp_path):
    with serving(f"sqlite:///{database}") as ask:
        assert json.loads(ask("/api/studies/1").body)["name"] == "quick"
        assert len(json.loads(ask("/api/studies").body)["study_summaries"]) == 1
        make_study(f"sqlite:///{tmp_path / 'other.db'}")
        (tmp_path / "other.db").replace(database)
        for rest in ("-wal", "-shm"):
            Path(f"{database}{rest}").unlink(missing_ok=True)
        assert json.loads(ask("/api/studies/1").body)["name"] == "moons"
        assert json.loads(ask("/api/studies").body)["study_summaries"][0]["study_name"] == "moons"


def test_server_that_stops_is_told_and_comes_back(postgresql, capfd):
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = type(postgresql)(Path(folder))
        url = server.url(server.new_database())
        make_study(url)
        with serving(url) as ask:
            assert ask("/api/studies/1").status == 200
            server.stop()
            source = pages_of(ask)._source
            source._checked -= 60
            capfd.readouterr()
            for path in PATHS:
                refused = ask(path)
                assert refused.status == 503
                assert "Check that the server runs and can be reached" in json.loads(refused.body)["reason"]
            assert ask("/dashboard").status == 503
            assert "Traceback" not in "".join(capfd.readouterr())
            server.start()
            assert json.loads(ask("/api/studies/1").body)["name"] == "moons"
            assert ask("/api/studies/1/param_importances").status == 200
            assert json.loads(ask("/api/studies").body)["study_summaries"][0]["study_name"] == "moons"
        server.stop()


def test_pages_are_the_same_on_both_databases(storage_url):
    make_study(storage_url)
    with serving(storage_url) as ask:
        told = json.loads(ask("/api/studies/1").body)
        assert (told["name"], told["trials"][0]["values"]) == ("moons", [0.5])
        assert ask("/api/studies/1", if_none_match=ask("/api/studies/1").headers["ETag"]).status == 304
