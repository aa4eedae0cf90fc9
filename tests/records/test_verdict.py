"""A verdict survives the storage: its JSON gives it back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import VERDICT_VERSION, Difference, Finalist, SelectionEstimate, UnknownVerdictError, Verdict

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | NUMBERS
DIFFERENCES = st.builds(Difference, NUMBERS, MAYBE, MAYBE, MAYBE)
FINALISTS = st.builds(
    Finalist,
    trial=st.integers(0, 10**6),
    score=MAYBE,
    expected=MAYBE,
    search_score=NUMBERS,
    difference=st.none() | DIFFERENCES,
    repeats=st.integers(0, 50),
    train_loss=MAYBE,
    end=st.sampled_from([None, "beaten", "failed"]),
)
ESTIMATE = SelectionEstimate(0.4, (0.3, 0.5), 0.1, (-0.1, 0.3), 0.35, 0.05, 0.95, 1000, 20)
VERDICTS = st.builds(
    Verdict,
    answer=st.sampled_from(["helps", "no gain", "nothing to learn"]),
    chosen=st.integers(0, 100),
    candidate=st.integers(0, 100),
    rule=st.sampled_from(["best", "one_se"]),
    difference=DIFFERENCES,
    expected=DIFFERENCES,
    level=st.just(0.95),
    repeats=st.integers(1, 50),
    optimism=NUMBERS,
    finalists=st.lists(FINALISTS, max_size=4).map(tuple),
    constant=MAYBE,
    against_constant=st.none() | DIFFERENCES,
    chance=MAYBE,
    scores_other_rows=st.booleans(),
    n_trials=st.integers(1, 10**6),
    estimate=st.sampled_from([None, ESTIMATE]),
    asked=st.fixed_dictionaries({"finalists": st.integers(0, 9), "repeats": st.sampled_from(["auto", 7])}),
    version=st.just(VERDICT_VERSION),
)


@given(VERDICTS)
def test_verdict_is_what_its_json_gives_back(verdict):
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json(), allow_nan=False))) == verdict


@given(VERDICTS)
def test_finalist_is_found_by_its_trial(verdict):
    for each in verdict.finalists:
        found = verdict.finalist(each.trial)
        assert found is not None
        assert found.trial == each.trial
    assert verdict.finalist(-1) is None


@given(VERDICTS)
def test_verdict_shows_itself_in_a_line(verdict):
    shown = repr(verdict)
    assert shown.startswith(f"<Verdict: {verdict.answer}; trial {verdict.candidate} gains ")
    assert len(shown) < 200


@pytest.mark.parametrize("version", [None, 0, VERDICT_VERSION + 1, "1"])
@given(VERDICTS)
def test_other_version_is_refused(version, verdict):
    with pytest.raises(UnknownVerdictError) as caught:
        Verdict.from_json(verdict.to_json() | {"version": version})
    assert str(caught.value) == f"expected a verdict of version {VERDICT_VERSION}, received {version!r}"


@pytest.mark.parametrize(
    ("difference", "is_above_zero", "is_certain"),
    [
        (Difference(0.5), False, False),
        (Difference(0.5, 0.1, 0.9, 0.2), True, True),
        (Difference(0.5, -0.1, 1.1, 0.3), False, True),
        (Difference(0.5, -0.7, 1.7, 0.6), False, False),
        (Difference(0.5, 0.0, 1.0, 0.5), False, False),
        (Difference(0.0, 0.0, 0.0, 0.0), False, False),
        (Difference(-0.5, -0.6, -0.4, 0.01), False, False),
    ],
)
def test_difference_tells_how_sure_it_is(difference, is_above_zero, is_certain):
    assert (difference.is_above_zero, difference.is_certain) == (is_above_zero, is_certain)
