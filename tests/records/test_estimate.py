"""The estimate of a selection: numbers that fit each other, and their document."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import SelectionEstimate

ESTIMATE = SelectionEstimate(0.4, (0.3, 0.5), 0.1, (-0.1, 0.2), 0.35, 0.05, 0.95, 1000, 60)
TRIPLES = st.tuples(*[st.floats(-1e300, 1e300)] * 3).map(sorted)


@given(TRIPLES, TRIPLES, st.floats(-1e300, 1e300), st.floats(0.01, 0.99), st.integers(1, 10**6), st.integers(1, 10**6))
def test_estimate_is_read_as_it_was_written(scores, differences, apparent, level, n_draws, n_trials):
    (low, score, high), (least, difference, most) = scores, differences
    written = SelectionEstimate(
        score, (low, high), difference, (least, most), apparent, -apparent, level, n_draws, n_trials
    )
    assert SelectionEstimate.from_json(json.loads(json.dumps(written.to_json(), allow_nan=False))) == written


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"score": 0.6}, "expected an interval around 0.6, received 0.3 to 0.5"),
        ({"difference_interval": (0.2, 0.3)}, "expected an interval around 0.1, received 0.2 to 0.3"),
        ({"level": 1.0}, "expected a level in (0, 1), received 1.0"),
        ({"n_draws": 0}, "expected draws and trials, received 0 and 60"),
        ({"n_trials": 0}, "expected draws and trials, received 1000 and 0"),
    ],
)
def test_estimate_that_contradicts_itself_is_refused(changed, sentence):
    with pytest.raises(ValueError, match="expected") as caught:
        replace(ESTIMATE, **changed)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("name", ["score", "difference", "apparent", "optimism"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(name, value):
    with pytest.raises(ValueError, match=r"^expected finite numbers, received SelectionEstimate"):
        replace(ESTIMATE, **{name: value})


def test_document_that_is_no_estimate_is_refused():
    document = ESTIMATE.to_json()
    del document["level"]
    with pytest.raises(ValueError, match="expected an estimate") as caught:
        SelectionEstimate.from_json(document | {"colour": "red"})
    assert str(caught.value) == "expected an estimate of a selection, received others in colour, level"
