"""What a page tells: the form of optuna-dashboard, the words of regsearch."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import optuna_dashboard
import pytest

from search.coordination.launching import Launch, run_study
from search.dashboard import page as pages
from search.dashboard.importances import weigh_parameters
from search.dashboard.page import FollowedStudy
from search.preparation.files import prepare_study
from search.records import Configuration, Parameter, TrialState
from search.storage import Ended, Started, open_storage
from tests.followup.fakes import STUDY, Fake


def theirs(database, path="/api/studies/1"):
    """The same study as optuna-dashboard itself tells it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{database}")
    app = optuna_dashboard.wsgi(storage)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "", "wsgi.errors": None}
    body = b"".join(app(environ, lambda *_: None))
    storage.remove_session()
    storage.engine.dispose()
    return json.loads(body)


def form_of(value):
    """What a value is made of, without what it says."""
    if isinstance(value, dict):
        return {key: form_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [form_of(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_document_has_the_form_of_optuna_dashboard(database, storage, document, add_odd_trials):
    add_odd_trials(storage, 1)
    ours, known = document(storage), theirs(database)
    assert ours.keys() == known.keys()
    assert {key: type(value) for key, value in ours.items()} == {key: type(value) for key, value in known.items()}
    assert len(ours["trials"]) == len(known["trials"]) == 34
    on = next(trial for trial in ours["trials"] if all(each["param_internal_value"] for each in trial["params"]))
    same = known["trials"][on["number"]]
    for key in same:
        if key not in ("user_attrs", "params"):
            assert form_of(on[key]) == form_of(same[key]), key
    assert on["params"][0].keys() == same["params"][0].keys()
    assert on["user_attrs"][0].keys() == {"key", "value"}
    assert ours["union_search_space"][0].keys() == known["union_search_space"][0].keys()
    assert [each["name"] for each in ours["union_search_space"]] == [
        each["name"] for each in known["union_search_space"]
    ]


def test_what_is_not_changed_is_equal(database, storage, document, add_odd_trials):
    add_odd_trials(storage, 1)
    ours, known = document(storage), theirs(database)
    for key in ("name", "directions", "artifacts", "has_intermediate_values", "is_preferential", "objective_names"):
        assert ours[key] == known[key], key
    assert ours["feedback_component_type"] == known["feedback_component_type"]
    kept = ("trial_id", "study_id", "number", "state", "values", "intermediate_values", "fixed_params", "artifacts")
    for mine, other in zip(ours["trials"], known["trials"], strict=True):
        for key in (*kept, "constraints", "datetime_start", "datetime_complete"):
            assert mine.get(key) == other.get(key), (key, mine["number"])
    assert [trial["number"] for trial in ours["best_trials"]] == [trial["number"] for trial in known["best_trials"]]


def test_parameters_are_the_configurations(storage, document):
    trials = {trial.number: trial for trial in storage.trials(1)}
    for shown in document(storage)["trials"]:
        configuration = trials[shown["number"]].configuration
        told = {each["name"]: each for each in shown["params"]}
        assert list(told) == ["dropout", "l2", "minimum_delta", "patience", "training.learning_rate"]
        for name, each in told.items():
            if name == "training.learning_rate":  # of choices the index is Optuna's number
                assert each["param_external_value"] == str(configuration[name])
                assert each["distribution"]["choices"][each["param_internal_value"]]["value"] == str(
                    configuration[name]
                )
            elif name in configuration:
                assert each["param_internal_value"] == configuration[name]
                assert float(each["param_external_value"]) == configuration[name]
            else:
                assert (each["param_external_value"], each["param_internal_value"]) == ("off", None)
    assert any(each["param_external_value"] == "off" for each in shown["params"])


def test_ranges_are_the_study_files(storage, document):
    space = {each["name"]: each["distribution"] for each in document(storage)["union_search_space"]}
    assert space["l2"] == {"type": "FloatDistribution", "low": 1e-4, "high": 0.1, "step": None, "log": True}
    assert space["patience"] == {"type": "IntDistribution", "low": 5, "high": 20, "step": 1, "log": False}
    assert [each["value"] for each in space["training.learning_rate"]["choices"]] == ["0.001", "0.01"]


def test_page_that_is_open_follows_a_range_that_becomes_wider(storage, tmp_path):
    followed, key = FollowedStudy(storage, "quick"), storage.study("quick").study_id

    def told():
        return json.loads(followed.make_page(storage.state(key), None).after(0))

    before = told()
    path = tmp_path / "quick.toml"
    path.write_text(STUDY)
    wider = ("space.l2.low=1e-6", "space.patience.high=40", "study.n_trials=36")
    run_study(prepare_study(str(path), wider), storage, Launch(0), train=Fake())
    after = told()
    space = {each["name"]: each["distribution"] for each in after["union_search_space"]}
    assert space["l2"] == {"type": "FloatDistribution", "low": 1e-6, "high": 0.1, "step": None, "log": True}
    assert (space["patience"]["low"], space["patience"]["high"]) == (5, 40)
    assert [each["params"] for each in after["trials"][:30]] == [
        [{**each, "distribution": space[each["name"]]} for each in trial["params"]] for trial in before["trials"]
    ]
    study, trials = storage.study("quick"), storage.trials(key)
    weighed = {each["name"]: each["importance"] for each in weigh_parameters(study, trials)}
    assert weighed.keys() == study.spec["space"].keys()
    assert weighed["l2"] == max(weighed.values()) > 2 / len(weighed)


def test_parallel_coordinates_begin_with_what_is_on_in_the_best_trial(storage, document):
    told = document(storage)
    (best,) = told["best_trials"]
    on = [each["name"] for each in best["params"] if each["param_external_value"] != "off"]
    assert [each["name"] for each in told["intersection_search_space"]] == on


def test_choices_of_a_technique_have_off_among_them(storage, document):
    spec = {**storage.study("quick").spec, "space": {"l2": {"choices": [0.1, 0.01]}}}
    kind = {"name": "CategoricalDistribution", "attributes": {"choices": ["off", 0.1, 0.01]}}
    study = storage.create_study("grid", "minimize", "mse", spec, "0", storage.study("quick").facts, 2)
    for number, settings in enumerate([{}, {"l2": 0.01}]):
        parameters = (Parameter("l2", 2.0 * number, json.dumps(kind)),)
        storage.write(study.study_id, [Started(number, Configuration(settings), parameters)])
        storage.write(study.study_id, [Ended(number, TrialState.COMPLETE, 0.5 - number / 4)])
    told = document(storage, "grid")
    shown = [trial["params"][0] for trial in told["trials"]]
    assert [(each["param_external_value"], each["param_internal_value"]) for each in shown] == [("off", 0), ("0.01", 2)]
    choices = [each["value"] for each in told["union_search_space"][0]["distribution"]["choices"]]
    assert choices == ["off", "0.1", "0.01"]


def test_attributes_are_short_and_those_of_other_programs_stay(storage, document, add_odd_trials):
    chosen = document(storage)["best_trials"][0]
    assert {each["key"]: each["value"] for each in chosen["user_attrs"]}["role"] == "best and chosen"
    add_odd_trials(storage, 1)
    told = document(storage)
    assert {each["key"]: each["sortable"] for each in told["union_user_attrs"]} == {
        "role": False,
        "configuration": False,
        "runs": True,
        "epochs trained": True,
        "same_as_trial": True,
        "why it ended": False,
        "mine": False,
    }
    assert told["union_user_attrs"][0]["key"] == "role"  # the column that is seen first
    attributes = [{each["key"]: each["value"] for each in trial["user_attrs"]} for trial in told["trials"]]
    assert attributes[0] == {
        "configuration": "training.learning_rate 0.001, l2 off, dropout off, early stopping off, minimum_delta off",
        "runs": "3",
        "epochs trained": "2",
        "role": "baseline",
    }
    assert attributes[32]["mine"] == '{"a": [1]}'
    assert attributes[32]["why it ended"] == "Failed: its worker died each time."


def test_pages_follow_a_study_and_read_what_is_new_alone(storage, add_odd_trials, monkeypatch):
    followed, asked = FollowedStudy(storage, "quick"), []
    followed.make_page(storage.state(1), None)
    add_odd_trials(storage, 1)
    observe = storage.observe
    monkeypatch.setattr(storage, "observe", lambda key, since, most: asked.append(since) or observe(key, since, most))
    page = followed.make_page(storage.state(1), None)
    assert len(page.trials) == 34
    assert json.loads(page.after(33))["trials"][0]["state"] == "Running"
    storage.write(1, [Ended(33, TrialState.COMPLETE, 0.001)])
    page = followed.make_page(storage.state(1), None)
    assert json.loads(page.after(33))["trials"][0]["values"] == [0.001]
    assert json.loads(page.after(0))["best_trials"][0]["number"] == 33
    assert asked == [30, 33]
    fresh = FollowedStudy(storage, "quick").make_page(storage.state(1), None)
    assert json.loads(fresh.after(0)) == json.loads(page.after(0))


def test_page_reads_trials_once(storage, document, monkeypatch):
    known = document(storage)
    monkeypatch.setattr(storage, "trials", lambda *_, **__: pytest.fail("expected no second reading"))
    assert document(storage) == known


def test_state_is_another_one_whenever_anything_is(storage, add_odd_trials):
    seen = [storage.state(1)]
    assert storage.state(1) == seen[0]
    for change in (
        lambda: add_odd_trials(storage, 1),
        lambda: storage.write(1, [Ended(33, TrialState.FAIL, error="no")]),
        lambda: storage.set_n_trials(1, 99),
        lambda: storage.request_stop("quick"),
        lambda: storage.show_note(1, "another"),
        lambda: storage.remember(1, "key", 1),
        lambda: storage.keep_verdict(1, {}, 3),
        lambda: storage.keep_analysis(1, "kind", "key", {}),
        lambda: storage.end_look(storage.begin_look(1, "run", "0", 3), {}),
    ):
        change()
        seen.append(storage.state(1))
    assert len(set(seen)) == len(seen)


def test_figures_are_plotlys_and_fit_their_place(storage, document):
    drawn = {each["id"]: json.loads(each["graph_object"]) for each in document(storage)["plotly_graph_objects"]}
    assert list(drawn) == [
        f"regsearch-{kind}" for kind in ("curves", "finalists", "confusion", "gap", "norms", "optimism")
    ]
    for figure in drawn.values():
        assert figure["data"]
        assert (figure["layout"]["height"], figure["layout"]["autosize"]) == (450, True)


def test_figures_of_a_study_that_runs_are_drawn_a_small_part_of_the_time(storage, monkeypatch):
    now, spent, drawn = 1000.0, iter(range(100)), []
    monkeypatch.setattr(pages.time, "monotonic", lambda: now)
    monkeypatch.setattr(pages.time, "thread_time", lambda: next(spent))
    monkeypatch.setattr(pages, "draw_pictures", lambda *_: drawn.append(now) or [])
    followed = FollowedStudy(storage, "quick")
    with storage.hold("quick"):
        for now in (1000.0, 1001.0, 1002.0, 1200.0, 1202.0):  # noqa: B007  # a draw takes 1 s, the first does not count
            followed.make_page("state", storage.holder("quick"))
        assert drawn == [1000.0, 1001.0, 1202.0]
    now = 1203.0
    followed.make_page("state", storage.holder("quick"))
    assert drawn[3:] == [1203.0]


@pytest.mark.parametrize("most", [2, 40])
def test_large_studies_have_shorter_documents(storage, document, monkeypatch, most):
    monkeypatch.setattr(pages, "MOST_CURVES", most)
    monkeypatch.setattr(pages, "_MOST_WORDY_TRIALS", most)
    told = document(storage)
    is_short = most == 2
    assert told["has_intermediate_values"] is not is_short
    assert ("not drawn" in told["note"]["body"]) is is_short
    assert ("distribution" not in told["trials"][1]["params"][0]) is is_short
    assert ("| fold |" in told["trials"][1]["note"]["body"]) is not is_short
    assert "log_loss" in told["trials"][1]["note"]["body"]


def test_of_many_intermediate_values_the_telling_ones_stay(storage):
    values = {step: abs(step - 31.0) for step in range(1, 51)} | {7: -5.0}
    storage.write(1, [Started(30, Configuration()), Ended(30, TrialState.COMPLETE, 0.5, intermediate=values)])
    (few,) = (each.intermediate for each in storage.observe(1, 30, 6))
    steps = [step for step, _ in few]
    assert {1, 7, 50} < set(steps)
    assert len(steps) < 10
    assert steps == sorted(steps)
    assert all(values[step] == value for step, value in few)
    (all_of_them,) = (each.intermediate for each in storage.observe(1, 30, 50))
    assert dict(all_of_them) == values


def test_study_of_an_earlier_version_has_a_page(tmp_path, document):
    path = tmp_path / "begun.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parents[1] / "storage" / "data" / "begun_r0002.sql").read_text())
    with open_storage(f"sqlite:///{path}", create=True) as begun:
        told = document(begun, "begun")
    assert told["note"]["body"].startswith("**Does regularization help on sklearn.make_moons")
    assert (told["objective_names"], told["note"]["version"]) == (["log_loss"], 0)
    assert [each["id"] for each in told["plotly_graph_objects"]][:2] == ["regsearch-curves", "regsearch-gap"]
