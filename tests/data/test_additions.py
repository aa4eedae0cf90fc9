"""A source or a splitter that stands in none of our files, added to its map from outside, runs through a study."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from pydantic import Field

from search import Launch, open_storage, prepare_study, run_study
from search.data import SOURCES, SPLITTERS
from search.data.sources import Source
from search.data.sources.raw import RawData
from search.data.splitters import Splitter
from search.errors import DataError, StudyFileError
from search.preparation.catalogue import default_catalogue
from search.preparation.preparing import prepare_spec
from search.records import TrialState
from search.spec import SourceForm, Validation, parse_study, spec_from_json, spec_to_json, spec_to_toml

STUDY = """
[study]
name = "added"
n_trials = 2
[data]
source = "stripes.NAME"
options = { rows = 40 }
[split]
test = 0.2
[model]
family = "mlp"
hidden = [2]
[training]
epochs = 2
engine = "graph"
[confirm]
finalists = 0
[space]
l2 = { low = 1e-5, high = 1e-1, log = true }
"""


@pytest.fixture
def study(tmp_path):
    """A function that writes a study file with some of its text replaced, and returns its path."""

    def write(*replacements):
        text = STUDY
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "added.toml").write_text(text)
        return str(tmp_path / "added.toml")

    return write


def expect_that_it_runs(prepared, url):
    with open_storage(url, create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        trials = storage.trials(record.study_id)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2


def read_stripes(request):
    rows = request.section.options["rows"]
    return RawData(np.arange(rows * 2.0).reshape(rows, 2), np.array(["light", "dark"] * (rows // 2)))


STRIPES = Source(
    SourceForm(
        form="stripes.NAME",
        matches=lambda text: text == "stripes.vertical",
        options_of="stripes",
        hint=lambda text: 'Write source = "stripes.vertical".' if "stripes" in text else "",
    ),
    read_stripes,
)


def test_added_source_runs_through_a_study(study, sqlite_url, monkeypatch):
    monkeypatch.setitem(SOURCES, "stripes", STRIPES)
    prepared = prepare_study(study(("stripes.NAME", "stripes.vertical")))
    assert prepared.facts.classes == ("dark", "light")
    expect_that_it_runs(prepared, sqlite_url)


def test_added_source_stands_in_the_errors(study, monkeypatch):
    path = study()
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path)
    known = '"sklearn.NAME", "csv", "parquet", "npz", "images", "keras.NAME" or "FILE.py:function"'
    assert str(caught.value) == f'{path}:6 [data.source]: expected {known}, received "stripes.NAME".'
    monkeypatch.setitem(SOURCES, "stripes", STRIPES)
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path)
    known = '"sklearn.NAME", "csv", "parquet", "npz", "images", "keras.NAME", "FILE.py:function" or "stripes.NAME"'
    assert str(caught.value) == (
        f'{path}:6 [data.source]: expected {known}, received "stripes.NAME". Write source = "stripes.vertical".'
    )
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path, ["data.source=csv", "data.path=a.csv", "data.target=y"])
    assert str(caught.value) == (
        f'{path}:7 [data.options]: expected no options, since source = "csv", received {{rows = 40}}. '
        "Only the functions of scikit-learn and of a file and of stripes take options."
    )


class EveryNth(Validation, extra="forbid"):
    """Every nth row scores."""

    method: Literal["every_nth"]
    nth: int = Field(default=3, ge=2)


def divide_every_nth(section, development):
    scores = development.rows % section.nth == 0
    yield development.rows[~scores], development.rows[scores]


MOONS = (
    ('"stripes.NAME"', '"sklearn.make_moons"'),
    ("rows = 40", "n_samples = 100"),
    ("test = 0.2", 'validation = { method = "every_nth", nth = 4 }'),
)


@pytest.fixture
def every_nth(monkeypatch):
    monkeypatch.setitem(SPLITTERS, "every_nth", Splitter(EveryNth, divide_every_nth))


@pytest.mark.usefixtures("every_nth")
def test_added_splitter_runs_through_a_study_that_is_resumed_and_stored(study, sqlite_url):
    prepared = prepare_study(study(*MOONS))
    (fold,) = prepared.plan.folds
    assert fold.validation.tolist() == list(range(0, 100, 4))
    expect_that_it_runs(prepared, sqlite_url)
    expect_that_it_runs(prepared, sqlite_url)
    stored = spec_from_json(json.loads(json.dumps(spec_to_json(prepared.spec))))
    assert stored == prepared.spec
    assert prepare_spec(stored, Path()).plan.folds[0].train.tolist() == fold.train.tolist()
    assert parse_study(spec_to_toml(stored), "s.toml", default_catalogue()) == stored


@pytest.mark.usefixtures("every_nth")
def test_options_of_an_added_splitter_are_checked(study):
    path = study(*MOONS)
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path, ["split.validation.nth=1"])
    assert str(caught.value) == ("--set split.validation.nth=1: expected a whole number of at least 2, received 1.")


def test_splitter_that_is_no_longer_there_is_named(study, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(SPLITTERS, "every_nth", Splitter(EveryNth, divide_every_nth))
        stored = spec_from_json(spec_to_json(prepare_study(study(*MOONS)).spec))
    with pytest.raises(DataError) as caught:
        prepare_spec(stored, Path())
    assert str(caught.value) == (
        '[split] validation: expected method = "holdout", "kfold" or "head", received "every_nth".'
    )


@pytest.mark.usefixtures("every_nth")
def test_stored_options_that_a_splitter_does_not_take_are_named(study):
    stored = spec_to_json(prepare_study(study(*MOONS)).spec)
    stored["split"]["validation"] = {"method": "every_nth", "nth": 1}
    with pytest.raises(DataError) as caught:
        prepare_spec(spec_from_json(stored), Path())
    assert str(caught.value) == (
        '[split] validation: expected options that every_nth takes, received {method = "every_nth", nth = 1}.'
    )
