"""Where there is nothing to show yet, a command says what to type; JSON stays JSON."""

import json

import optuna
import pytest

from search.records import Configuration, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage

SPEC = {"space": {"l2": {"choices": [0.1]}}, "confirm": {"finalists": 0}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder whose default storage has a study without trials, one that failed, and one whose trials are open."""
    made = tmp_path_factory.mktemp("empty")
    with open_storage(f"sqlite:///{made / 'regsearch.db'}", create=True) as storage:
        begun = {}
        for name in ("fresh", "failed", "open"):
            begun[name] = storage.create_study(
                name, "minimize", "mse", SPEC, "ab" * 32, StudyFacts("regression"), 5
            ).study_id
        for number in range(2):
            configuration = Configuration({"l2": 0.1} if number else {})
            started = Started(number, configuration, baseline=not number)
            storage.write(begun["failed"], [started, Ended(number, TrialState.FAIL, error="diverged at epoch 3")])
            storage.write(begun["open"], [started])
    return made


def test_newcomer_is_told_what_makes_the_database(command, tmp_path):
    done = command.in_this_process("studies", cwd=tmp_path)
    assert (done.code, done.out) == (3, "")
    assert done.err.endswith(
        "regsearch.db to exist, received none. No studies yet? `regsearch run moons` creates it; otherwise check the "
        "path.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_storage_without_studies_says_what_makes_one(command, tmp_path):
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}", create=True):
        pass
    done = command.in_this_process("studies", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, "", "No studies yet: try `regsearch run moons`.\n")
    done = command.in_this_process("studies", "--format", "json", cwd=tmp_path)
    assert (json.loads(done.out), done.err) == ([], "")
    done = command.in_this_process("best", "moons", cwd=tmp_path)
    assert done.code == 2
    assert done.err.endswith("received 'moons'. It holds none yet: try `regsearch run moons`.\n")


def test_storage_of_another_program_is_named_as_one(command, tmp_path):
    theirs = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'regsearch.db'}")
    optuna.create_study(storage=theirs, study_name="theirs")
    theirs.remove_session()
    theirs.engine.dispose()
    done = command.in_this_process("studies", cwd=tmp_path)
    assert done.err == ("No studies yet: try `regsearch run moons`. Made by other programs, not shown here: theirs\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("trials", "fresh"), "fresh: no trials yet. `regsearch status fresh` tells how far it is."),
        (("compare", "fresh"), "fresh: no trial has ended yet. `regsearch status fresh` tells how far it is."),
        (("compare", "open"), "open: no trial has ended yet. `regsearch status open` tells how far it is."),
    ],
)
def test_study_without_trials_has_no_empty_table(command, folder, arguments, told):
    done = command.in_this_process(*arguments, cwd=folder)
    assert (done.code, done.out, done.err) == (0, "", f"{told}\n")
    done = command.in_this_process(*arguments, "--format", "json", cwd=folder)
    found = json.loads(done.out)
    assert (found if isinstance(found, list) else found["techniques"], done.err) == ([], "")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("fresh", "None has ended: `regsearch status fresh` tells how far it is."),
        ("open", "None has ended: `regsearch status open` tells how far it is."),
        ("failed", "2 ended without one: `regsearch trials failed` tells why."),
    ],
)
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("export",), " to export"),
        (("export", "--format", "keras", "-o", "no.keras"), " to export"),
        (("plot", "-o", "no.html"), " to draw"),
        (("path", "--over", "l2"), ""),
        (("ablate",), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_study_without_a_score_says_where_it_is_told_why(command, folder, name, remedy, arguments, what):
    done = command.in_this_process(arguments[0], name, *arguments[1:], cwd=folder)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"{name}: expected a trial with a score{what}, received none so far. {remedy}\n"


@pytest.mark.parametrize("name", ["fresh", "failed", "open"])
def test_best_of_a_study_without_a_score_says_where_it_is_told_why(command, folder, name):
    done = command.in_this_process("best", name, cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{name}: no trial has a score yet. ")
    assert f" {name}` tells " in done.out
    assert json.loads(command.in_this_process("best", name, "--format", "json", cwd=folder).out)["best"] is None


def test_status_of_a_study_that_nobody_runs_says_how_it_goes_on(command, folder):
    done = command.in_this_process("status", "fresh", cwd=folder)
    assert done.out.splitlines()[-1] == "next         `regsearch run` with the same study file goes on"


def test_status_of_a_study_that_has_just_begun_names_watch(command, folder):
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}") as storage, storage.hold("fresh"):
        done = command.in_this_process("status", "fresh", cwd=folder)
    assert done.out.splitlines()[-1] == "next         `regsearch watch fresh` shows the trials come"
