"""One name of a choice is swept over its values, on the divisions of the confirmation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import StudyFileError, UsageError
from search.followup.sweep import Values, _spread, sweep
from search.records import Configuration, Purpose
from search.selection import choose_stored
from tests.followup.fakes import made_up_score

BASELINE = Configuration({"training.learning_rate": 1e-3})


def chosen_of(study):
    return choose_stored(study.storage, study.record, study.storage.trials(study.record.study_id)).chosen


def seeds_of(study):
    runs = study.storage.runs(study.record.study_id, chosen_of(study).number, Purpose.CONFIRMATION)
    return [run.seed for run in runs]


@pytest.fixture
def study(finished):
    return finished()


def test_each_value_is_scored_with_the_others_as_chosen(study):
    chosen, seeds = chosen_of(study).configuration, seeds_of(study)
    found = sweep(study.storage, "quick", Values("l2"), repeats=4, trainers=study.trainers)
    values = [point.value for point in found.points]
    assert values == [None, *sorted({*found.asked_values, chosen["l2"]})]
    assert found.asked_values == pytest.approx(10 ** np.linspace(-4, -1, 13), rel=1e-5)
    assert [point.value for point in found.points if point.is_chosen] == [chosen["l2"]]
    whole = np.array([made_up_score(chosen, seed) for seed in seeds])
    for point in found.points:
        others = {name: value for name, value in chosen.items() if name != "l2"}
        configuration = others if point.value is None else {**others, "l2": point.value}
        scores = np.array([made_up_score(configuration, seed) for seed in seeds])
        error = np.sqrt(1 / 12 + 20 / 40)  # Nadeau and Bengio: 20 rows score, 40 train
        assert point.score.value == pytest.approx(scores.mean())
        assert point.score.standard_error == pytest.approx(scores.std(ddof=1) * error)
        assert point.train_loss.value == pytest.approx(scores.mean() / 2, rel=1e-5)
        assert point.train_loss.standard_error == pytest.approx(scores.std(ddof=1) / 2 * error, rel=1e-4)
        assert point.validation_loss.value == pytest.approx(scores.mean() + 0.5, rel=1e-5)
        if point.is_chosen:
            assert point.difference is None
        else:
            assert point.difference.mean == pytest.approx((whole - scores).mean())
            assert point.difference.standard_error == pytest.approx((whole - scores).std(ddof=1) * error)
        assert point.weight_norms == {"dense_1": pytest.approx(2 + np.mean(range(12))), "output": 1.0}
        assert point.nonzero_weights == {"dense_1": 1.0 if point.value is None else 0.75, "output": 1.0}
    baseline = np.array([made_up_score(BASELINE, seed) for seed in seeds])
    assert found.baseline.score.value == pytest.approx(baseline.mean())
    assert found.constant == pytest.approx(np.log(2), rel=0.02)


def test_choice_and_baseline_are_not_trained_again_and_the_rest_once(study):
    found = sweep(study.storage, "quick", Values("dropout", n_points=3), repeats=4, trainers=study.trainers)
    trained = study.fake.new
    assert {run.configuration for run in trained}.isdisjoint({chosen_of(study).configuration, BASELINE})
    new = [point for point in found.points if not point.is_chosen]
    assert len(trained) == len(new) * 12
    assert sweep(study.storage, "quick", Values("dropout", n_points=3), repeats=4, trainers=study.trainers) == found
    assert study.fake.new == []
    sweep(study.storage, "quick", Values("dropout", n_points=4), repeats=4, trainers=study.trainers)
    assert study.fake.new


def test_sweeps_over_several_names_are_stored_side_by_side(study):
    both = [Values("dropout", n_points=2), Values("l2", n_points=2)]
    found = [sweep(study.storage, "quick", values, repeats=2, trainers=study.trainers) for values in both]
    assert study.fake.new
    assert [sweep(study.storage, "quick", values, repeats=2, trainers=study.trainers) for values in both] == found
    assert study.fake.new == []


def test_technique_that_the_study_does_not_search_is_swept_too(study):
    values = Values("l1", low=1e-4, high=1e-2, n_points=3)
    found = sweep(study.storage, "quick", values, repeats=2, trainers=study.trainers)
    assert [point.value for point in found.points] == [None, 1e-4, pytest.approx(1e-3), 1e-2]
    off = found.points[0]
    assert off.is_chosen
    assert {run.configuration.get("l1") for run in study.fake.new} == {1e-4, found.points[2].value, 1e-2}
    penalty = sweep(study.storage, "quick", Values("dense_1.l1"), repeats=2, trainers=study.trainers)
    assert (penalty.asked_values[0], penalty.asked_values[-1], len(penalty.asked_values)) == (1e-6, 1e-1, 13)


def test_setting_is_swept_over_its_choices_and_cannot_be_off(study):
    found = sweep(study.storage, "quick", Values("training.learning_rate"), repeats=2, trainers=study.trainers)
    assert [point.value for point in found.points] == [1e-3, 1e-2]
    whole = sweep(
        study.storage, "quick", Values("training.epochs", low=10, high=50, n_points=3), trainers=study.trainers
    )
    assert [point.value for point in whole.points] == [10, 30, 50]  # the file's 30 is the choice's
    assert [point.value for point in whole.points if point.is_chosen] == [30]
    assert all(isinstance(value, int) for value in whole.asked_values)


def test_baseline_that_was_chosen_is_swept_from(finished):
    study = finished("study.n_trials=1", "confirm.finalists=0")
    found = sweep(study.storage, "quick", Values("l2", n_points=2), repeats=2, trainers=study.trainers)
    assert found.points[0].is_chosen
    assert found.points[0].score == found.baseline.score


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (
            Values("dropou"),
            StudyFileError,
            '--over dropou [space.dropou]: expected a technique, received "dropou". Did you mean "dropout"?',
        ),
        (
            Values("training.epoch"),
            StudyFileError,
            'received "training.epoch". Did you mean "training.epochs"?',
        ),
        (
            Values("training.optimizer"),
            UsageError,
            "--over training.optimizer: expected a name whose values are numbers, received training.optimizer.",
        ),
        (
            Values("flip"),
            UsageError,
            "--over flip: expected a name whose values are numbers, received flip.",
        ),
        (
            Values("noise", low=1),
            StudyFileError,
            'expected a technique, received "noise"',
        ),
        (
            Values("input_noise", low=1),
            UsageError,
            "--over input_noise: expected --low and --high, since [space] has no input_noise, received one of them.",
        ),
        (
            Values("l2", low=0.2),
            UsageError,
            "--over l2: expected low < high, received low = 0.2, high = 0.1. Give --low and --high.",
        ),
        (Values("l2", high=float("nan")), UsageError, "--over l2: expected finite ends, received 0.0001 and nan."),
        (
            Values("dropout", high=1.5, n_points=2),
            StudyFileError,
            '--over dropout [space.dropout]: expected each choice to be a number above 0 and below 1 or "off", '
            "received 1.5.",
        ),
        (Values("dense_9.l2", low=0.1, high=1), StudyFileError, 'received "dense_9"'),
        (Values("rotation", low=0.01, high=0.1), StudyFileError, "expected images"),
    ],
)
def test_name_or_value_that_cannot_be_swept_is_refused_as_a_study_file_is(study, values, error, words):
    with pytest.raises(error) as caught:
        sweep(study.storage, "quick", values, trainers=study.trainers)
    assert words in str(caught.value)
    assert study.fake.new == []


def test_technique_whose_partner_is_off_is_refused(finished):
    study = finished("study.n_trials=1", "confirm.finalists=0")
    with pytest.raises(UsageError) as caught:
        sweep(study.storage, "quick", Values("minimum_delta"), trainers=study.trainers)
    assert str(caught.value) == (
        "--over minimum_delta: expected patience in the choice, without which minimum_delta means nothing, received "
        "none."
    )


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e6), st.integers(2, 40), st.booleans(), st.booleans())
def test_values_ascend_from_end_to_end(low, ratio, n_points, is_log, whole):
    high = low * ratio
    values = _spread(low, high, n_points, is_log=is_log, whole=whole)
    if whole:
        assert (values[0], values[-1]) == (round(low), round(high))
        assert list(values) == sorted(set(values))
    else:
        even = np.geomspace(low, high, n_points) if is_log else np.linspace(low, high, n_points)
        assert (values[0], values[-1]) == (low, high)
        assert len(values) <= n_points  # fewer where they are not told apart by six digits
        assert all(np.abs(even - value).min() <= 1e-5 * value for value in values)
