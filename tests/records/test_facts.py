"""Facts of a study: a document with a version."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import FACTS_VERSION, RowCounts, StudyFacts

ADDED = (
    (3, "constant_losses", ()),
    (3, "own_regularization", ()),
    (4, "own_names", ()),
    (4, "loss_sha256", None),
    (4, "metric_sha256", None),
    (6, "callbacks_sha256", None),
)
COUNTS = st.integers(0, 10**9)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
FACTS = st.builds(
    StudyFacts,
    task=st.sampled_from(["binary", "multiclass", "regression"]),
    classes=st.lists(st.text()).map(tuple),
    input_shape=st.lists(COUNTS).map(tuple),
    inputs=st.lists(st.text()).map(tuple),
    n_targets=COUNTS,
    rows=st.builds(RowCounts, COUNTS, COUNTS, COUNTS, COUNTS),
    scaled_bytes=st.booleans(),
    constant_scores=st.lists(FINITE).map(tuple),
    constant_losses=st.lists(FINITE).map(tuple),
    own_regularization=st.lists(st.text()).map(tuple),
    own_names=st.lists(st.text()).map(tuple),
    training_rows=st.lists(COUNTS).map(tuple),
    validation_rows=st.lists(COUNTS).map(tuple),
    model_sha256=st.none() | st.text(),
    loss_sha256=st.none() | st.text(),
    metric_sha256=st.none() | st.text(),
    callbacks_sha256=st.none() | st.text(),
    folder=st.none() | st.text(),
    version=st.integers(1, FACTS_VERSION),
).map(lambda facts: replace(facts, **{name: blank for since, name, blank in ADDED if facts.version < since}))

# As the versions before wrote it.
VERSION_1 = {
    "task": "binary",
    "classes": ["0", "1"],
    "input_shape": [2],
    "inputs": [],
    "scaled_bytes": True,
    "n_targets": 1,
    "rows": {"train": 19, "stop": 5, "validation": 24, "test": 12},
    "model_sha256": None,
    "constant_scores": [0.69, 0.7],
    "folder": "studies",
}


@given(FACTS)
def test_facts_are_read_as_they_were_written(facts):
    assert StudyFacts.from_json(json.loads(json.dumps(facts.to_json(), allow_nan=False))) == facts


def test_new_facts_are_of_the_newest_version():
    assert StudyFacts("binary").to_json()["version"] == StudyFacts("binary").version == FACTS_VERSION


def test_document_without_a_version_is_of_version_1():
    assert StudyFacts.from_json(VERSION_1) == StudyFacts(
        task="binary",
        classes=("0", "1"),
        input_shape=(2,),
        rows=RowCounts(19, 5, 24, 12),
        scaled_bytes=True,
        constant_scores=(0.69, 0.7),
        folder="studies",
        version=1,
    )


def test_document_of_version_2_has_what_there_was_then():
    document = StudyFacts("binary", folder="studies", version=2).to_json()
    assert document.keys().isdisjoint({"constant_losses", "own_regularization", "own_names", "loss_sha256"})
    assert StudyFacts.from_json(document) == StudyFacts("binary", folder="studies", version=2)


def test_document_of_version_3_knows_no_metric_of_the_users():
    document = StudyFacts("binary", own_regularization=("dropout 0.5",), version=3).to_json()
    assert "metric_sha256" not in document
    assert StudyFacts.from_json(document) == StudyFacts("binary", own_regularization=("dropout 0.5",), version=3)


def test_what_version_1_does_not_know_is_ignored_and_what_it_lacks_is_not_known():
    facts = StudyFacts.from_json({"task": "regression", "colour": "red", "rows": {"train": 3, "spare": 4}})
    assert facts == StudyFacts("regression", rows=RowCounts(train=3), version=1)


@pytest.mark.parametrize("version", [FACTS_VERSION + 1, 0, "2", None])
def test_version_that_is_not_known_is_refused(version):
    with pytest.raises(ValueError, match="expected facts") as caught:
        StudyFacts.from_json(StudyFacts("binary").to_json() | {"version": version})
    assert str(caught.value) == f"expected facts of version 1 to {FACTS_VERSION}, received version {version!r}"
    with pytest.raises(ValueError, match="expected facts of version 1 to 7, received version 8"):
        StudyFacts("binary", version=8)


def test_document_that_is_not_as_its_version_says_is_refused():
    document = StudyFacts("binary").to_json()
    del document["folder"]
    with pytest.raises(ValueError, match="expected facts") as caught:
        StudyFacts.from_json(document | {"colour": "red"})
    assert str(caught.value) == f"expected facts as of version {FACTS_VERSION}, received others in colour, folder"
    with pytest.raises(ValueError, match=r"^expected facts with a task, received none$"):
        StudyFacts.from_json({})


def test_every_fact_is_in_the_document():
    assert set(StudyFacts("binary").to_json()) == {field.name for field in fields(StudyFacts)}
