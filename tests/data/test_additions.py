"""A source or a splitter that stands in none of our files, added to its map from outside, runs through a study."""

import numpy as np
import pytest

from search import Launch, open_storage, prepare_study, run_study
from search.data import SOURCES
from search.data.sources import Source
from search.data.sources.raw import RawData
from search.errors import StudyFileError
from search.records import TrialState
from search.spec import SourceForm

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


def read_stripes(section, folder, place):
    rows = section.options["rows"]
    return RawData(np.arange(rows * 2.0).reshape(rows, 2), np.array(["light", "dark"] * (rows // 2)))


STRIPES = Source(
    SourceForm(
        form="stripes.NAME",
        matches=lambda text: text == "stripes.vertical",
        takes=("options",),
        options_of="stripes",
        hint=lambda text: 'Write source = "stripes.vertical".' if "stripes" in text else "",
    ),
    read_stripes,
)


def test_added_source_runs_through_a_study(study, sqlite_url, monkeypatch):
    monkeypatch.setitem(SOURCES, "stripes", STRIPES)
    prepared = prepare_study(study(("stripes.NAME", "stripes.vertical")))
    assert prepared.facts["classes"] == ["dark", "light"]
    expect_that_it_runs(prepared, sqlite_url)


def test_added_source_stands_in_the_errors(study, monkeypatch):
    path = study()
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path)
    known = '"sklearn.NAME", "csv", "npz", "keras.NAME" or "FILE.py:function"'
    assert str(caught.value) == f'{path}:6 [data.source]: expected {known}, received "stripes.NAME".'
    monkeypatch.setitem(SOURCES, "stripes", STRIPES)
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path)
    known = '"sklearn.NAME", "csv", "npz", "keras.NAME", "FILE.py:function" or "stripes.NAME"'
    assert str(caught.value) == (
        f'{path}:6 [data.source]: expected {known}, received "stripes.NAME". Write source = "stripes.vertical".'
    )
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path, ["data.source=csv", "data.path=a.csv", "data.target=y"])
    assert str(caught.value) == (
        f'{path}:7 [data.options]: expected no options, since source = "csv", received {{rows = 40}}. '
        "Only the functions of scikit-learn and of a file and of stripes take options."
    )
