"""Ablations and sweeps survive the storage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import (
    Ablation,
    Configuration,
    Difference,
    Mean,
    Removal,
    Sweep,
    SweepPoint,
    Trial,
    TrialState,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | NUMBERS
NAMES = st.sampled_from(["l2", "dropout", "dense_1.l1", "training.learning_rate", "model.hidden"])
SETTINGS = NUMBERS | st.integers(-5, 5) | st.sampled_from(["relu", (8, 4)])
CONFIGURATIONS = st.dictionaries(NAMES, SETTINGS).map(Configuration)
DIFFERENCES = st.none() | st.builds(Difference, NUMBERS, MAYBE, MAYBE, MAYBE)
REMOVALS = st.builds(
    Removal,
    st.lists(NAMES).map(tuple),
    CONFIGURATIONS,
    MAYBE,
    MAYBE,
    DIFFERENCES,
    DIFFERENCES,
    MAYBE,
    st.none() | st.text(),
)
ABLATIONS = st.builds(
    Ablation,
    trial=st.integers(0, 99),
    whole=REMOVALS,
    parts=st.lists(REMOVALS, max_size=3).map(tuple),
    everything=st.none() | REMOVALS,
    level=st.just(0.95),
    repeats=st.integers(1, 50),
    scores_other_rows=st.booleans(),
    asked_repeats=st.integers(2, 50),
)
MEANS = st.none() | st.builds(Mean, NUMBERS, MAYBE)
LAYERS = st.dictionaries(st.sampled_from(["dense_1", "output"]), NUMBERS)
POINTS = st.builds(
    SweepPoint,
    MAYBE | st.integers(1, 9),
    st.booleans(),
    MEANS,
    MEANS,
    MEANS,
    MEANS,
    DIFFERENCES,
    LAYERS,
    LAYERS,
    st.none() | st.text(),
)
SWEEPS = st.builds(
    Sweep,
    over=NAMES,
    trial=st.integers(0, 99),
    configuration=CONFIGURATIONS,
    points=st.lists(POINTS, max_size=3).map(tuple),
    baseline=POINTS,
    constant=MAYBE,
    level=st.just(0.95),
    repeats=st.integers(1, 50),
    scores_other_rows=st.booleans(),
    asked_values=st.lists(NUMBERS | st.integers(1, 9), max_size=3).map(tuple),
    asked_repeats=st.integers(2, 50),
)


@given(ABLATIONS)
def test_ablation_comes_back_as_it_was(ablation):
    assert Ablation.from_json(json.loads(json.dumps(ablation.to_json(), allow_nan=False))) == ablation


@given(SWEEPS)
def test_sweep_comes_back_as_it_was(sweep):
    assert Sweep.from_json(json.loads(json.dumps(sweep.to_json(), allow_nan=False))) == sweep


def test_documents_of_another_version_are_refused():
    with pytest.raises(ValueError, match="expected an ablation of version 1, received version 2"):
        Ablation.from_json({"version": 2})
    with pytest.raises(ValueError, match="expected a sweep of version 1, received version None"):
        Sweep.from_json({})


def test_ablation_is_of_the_trial_and_the_configuration_that_it_was_made_of():
    configuration = Configuration({"l2": 0.1})
    ablation = Ablation(3, Removal((), configuration, 0.5), (), None, 0.95, 5, True, 5)
    assert ablation.is_of(Trial(3, TrialState.COMPLETE, configuration, 0.4))
    assert not ablation.is_of(Trial(4, TrialState.COMPLETE, configuration, 0.4))
    assert not ablation.is_of(Trial(3, TrialState.COMPLETE, Configuration({"l2": 0.2}), 0.4))


def test_worth_is_told_by_expected_scores_where_there_are_any():
    by_labels, expected = Difference(0.1), Difference(0.2)
    removal = Removal(("l2",), Configuration(), 0.5, 0.4, by_labels, expected)
    assert removal.worth == expected
    assert Removal(("l2",), Configuration(), 0.5, None, by_labels).worth == by_labels
