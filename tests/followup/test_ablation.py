"""Each part of a choice is taken out in turn, on the divisions of the confirmation."""

import contextlib
import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.coordination.launching import Launch, run_study
from search.coordination.progress import SilentObserver
from search.errors import StudyFailedError, StudyLockedError, UnknownStudyError, UsageError
from search.followup.ablation import ablate
from search.preparation.files import prepare_study
from search.records import Configuration, FailureCause, Purpose
from search.selection import choose_stored
from tests.followup.fakes import Fake, made_up_score


def watching(observer, prepared):
    return contextlib.nullcontext(observer)


def chosen_of(study):
    return choose_stored(study.storage, study.record, study.storage.trials(study.record.study_id)).chosen


def test_each_part_is_worth_its_paired_difference_on_the_divisions_of_the_confirmation(finished):
    study = finished()
    chosen = chosen_of(study)
    found = ablate(study.storage, "quick", repeats=4, trainers=study.trainers)
    assert (found.trial, found.whole.configuration, found.repeats) == (chosen.number, chosen.configuration, 4)
    parts = {part.names[0]: part for part in found.parts}
    assert {name for name in chosen.configuration if name != "training.learning_rate"} <= set(parts)
    seeds = [run.seed for run in study.storage.runs(study.record.study_id, chosen.number, Purpose.CONFIRMATION)]
    assert len(seeds) == 12
    for part in (*found.parts, found.everything):
        left = np.array([made_up_score(part.configuration, seed) for seed in seeds])
        whole = np.array([made_up_score(chosen.configuration, seed) for seed in seeds])
        assert part.score == pytest.approx(left.mean())
        gains = left - whole  # a low log loss is good
        error = gains.std(ddof=1) * np.sqrt(1 / 12 + 20 / 40)  # Nadeau and Bengio: 20 rows score, 40 train
        assert part.difference.mean == pytest.approx(gains.mean())
        assert part.difference.standard_error == pytest.approx(error)
        half = stats.t.ppf(0.975, 11) * error
        assert (part.difference.low, part.difference.high) == pytest.approx((gains.mean() - half, gains.mean() + half))
        assert part.train_loss == pytest.approx(left.mean() / 2, rel=1e-5)


def test_what_the_confirmation_trained_is_not_trained_again(finished):
    study = finished()
    found = ablate(study.storage, "quick", repeats=4, trainers=study.trainers)
    trained = study.fake.new
    assert {run.purpose for run in trained} == {Purpose.PARTS}
    confirmed = {Configuration({"training.learning_rate": 1e-3}), found.whole.configuration}
    asked = {part.configuration for part in found.parts} - confirmed
    assert {run.configuration for run in trained} <= asked
    assert len(trained) <= len(asked) * 12
    assert len({(run.configuration, run.fold, run.repeat) for run in trained}) == len(trained)
    assert study.storage.count_runs(study.record.study_id, Purpose.PARTS) == 0


def test_what_means_nothing_any_more_goes_with_what_it_needs(finished):
    study = finished(
        study="""
[study]
name = "quick"
sampler = "grid"
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
test = 0
[model]
family = "mlp"
hidden = [4]
[training]
engine = "fit"
[confirm]
repeats = 2
[space]
minimum_delta = { choices = [0.01] }
l2 = { choices = [0.01] }
patience = { choices = [5] }
"""
    )
    assert chosen_of(study).configuration == Configuration({"l2": 0.01, "patience": 5, "minimum_delta": 0.01})
    found = ablate(study.storage, "quick", trainers=study.trainers)
    assert {part.names for part in found.parts} == {("l2",), ("patience", "minimum_delta"), ("minimum_delta",)}
    assert set(found.everything.names) == {"l2", "patience", "minimum_delta"}
    assert dict(found.everything.configuration) == {}


def test_result_is_stored_and_told_again_until_the_question_or_the_choice_changes(finished):
    study = finished()
    first = ablate(study.storage, "quick", trainers=study.trainers)
    assert first.repeats == 5  # 4 of the verdict, and never fewer than 5
    assert study.fake.new
    assert ablate(study.storage, "quick", trainers=study.trainers) == first
    assert study.fake.new == []
    again = ablate(study.storage, "quick", again=True, trainers=study.trainers)
    assert again == first
    assert study.fake.new
    other = ablate(study.storage, "quick", repeats=3, trainers=study.trainers)
    assert (other.repeats, other.asked_repeats) == (3, 3)
    assert study.fake.new
    document = study.storage.analysis(study.record.study_id, "ablation").document
    study.storage.keep_analysis(study.record.study_id, "ablation", "", {**document, "trial": first.trial + 1})
    ablate(study.storage, "quick", repeats=3, trainers=study.trainers)
    assert study.fake.new
    study.storage.keep_analysis(study.record.study_id, "ablation", "", {**document, "version": 99})
    ablate(study.storage, "quick", repeats=3, trainers=study.trainers)
    assert study.fake.new


def test_study_without_confirmation_trains_choice_and_baseline_too(finished):
    study = finished("confirm.finalists=0")
    found = ablate(study.storage, "quick", repeats=2, trainers=study.trainers)
    trained = {run.configuration for run in study.fake.new}
    assert {found.whole.configuration, Configuration({"training.learning_rate": 1e-3})} <= trained
    assert found.whole.score == pytest.approx(
        np.mean([made_up_score(found.whole.configuration, seed) for seed in _seeds(study, 2)])
    )


def _seeds(study, n_repeats):
    prepared = prepare_study(str(study.path), ["confirm.finalists=0"])
    return [run.seed for repeat in range(n_repeats) for run in prepared.confirmation_runs(0, Configuration(), repeat)]


class _NothingHelps(Fake):
    def __call__(self, plan, run, report):
        result = super().__call__(plan, run, report)
        return replace(result, score=1.0 + len(run.configuration))


def test_baseline_has_no_parts(finished):
    study = finished(fake=_NothingHelps())
    with pytest.raises(UsageError) as caught:
        ablate(study.storage, "quick", trainers=study.trainers)
    assert str(caught.value) == (
        "quick: expected a choice with something to take out, received the baseline. Nothing that was tried is chosen "
        "before it; `regsearch best quick` says why."
    )
    assert study.fake.new == []


class _Diverges(Fake):
    """Runs without l2 diverge, once they are told to."""

    cause = None

    def __call__(self, plan, run, report):
        result = super().__call__(plan, run, report)
        if self.cause is None or "l2" in run.configuration or run.purpose is not Purpose.PARTS:
            return result
        return replace(result, score=None, error="diverged at epoch 2", cause=self.cause, predictions=None)


def test_part_without_which_a_run_fails_says_so(finished):
    study = finished(fake=_Diverges())
    study.fake.cause = FailureCause.DIVERGED
    found = ablate(study.storage, "quick", trainers=study.trainers)
    (part,) = [part for part in found.parts if part.names == ("l2",)]
    assert (part.score, part.difference, part.error) == (None, None, "diverged at epoch 2")
    others = [part for part in found.parts if part.names != ("l2",)]
    assert all(part.difference is not None for part in others)


def test_failure_of_the_machine_leaves_nothing_stored(finished):
    study = finished(fake=_Diverges())
    study.fake.cause = FailureCause.OUT_OF_MEMORY
    with pytest.raises(StudyFailedError, match="failed for a cause that lies in the machine and the moment"):
        ablate(study.storage, "quick", trainers=study.trainers)
    assert study.storage.analysis(study.record.study_id, "ablation") is None


def test_data_that_is_not_what_it_was_is_refused(finished, tmp_path):
    study = finished()
    record = study.storage.study("quick")
    other = {**record.spec, "data": {**record.spec["data"], "options": {"n_samples": 62, "noise": 0.2}}}
    study.storage.set_spec(record.study_id, other)
    with pytest.raises(UsageError, match=r"expected the data that the study was begun with"):
        ablate(study.storage, "quick", trainers=study.trainers)


def test_study_that_is_held_or_not_there_is_refused(finished):
    study = finished()
    with pytest.raises(UnknownStudyError):
        ablate(study.storage, "quack", trainers=study.trainers)
    with study.storage.hold("quick"), pytest.raises(StudyLockedError):
        ablate(study.storage, "quick", trainers=study.trainers)


def test_request_to_stop_ends_it_with_nothing_stored(finished, monkeypatch):
    study = finished()
    monkeypatch.setattr("search.coordination.limits.POLL_SECONDS", 0.0)

    class Stopping(SilentObserver):
        def run_ended(self, result):
            study.storage.request_stop("quick")

    watch = functools.partial(watching, Stopping())
    with pytest.raises(StudyFailedError) as caught:
        ablate(study.storage, "quick", trainers=replace(study.trainers, watch=watch))
    assert str(caught.value) == (
        "quick: Asked to stop, and nothing of the ablation is stored. The same command begins it anew."
    )
    assert study.storage.analysis(study.record.study_id, "ablation") is None


class _Crash(SilentObserver):
    def run_ended(self, result):
        raise KeyboardInterrupt


def test_killed_one_leaves_no_half_document(finished):
    study = finished()
    dying = replace(study.trainers, watch=functools.partial(watching, _Crash()))
    with pytest.raises(KeyboardInterrupt):
        ablate(study.storage, "quick", trainers=dying)
    assert study.storage.analysis(study.record.study_id, "ablation") is None
    assert ablate(study.storage, "quick", trainers=study.trainers).parts


def test_a_larger_study_with_the_same_choice_keeps_its_ablation(finished):
    study = finished()
    found = ablate(study.storage, "quick", trainers=study.trainers)
    study.fake.new
    prepared = prepare_study(str(study.path), ["study.n_trials=31"])
    run_study(prepared, study.storage, Launch(0), train=study.fake)
    assert study.fake.new
    chosen = chosen_of(study)
    again = ablate(study.storage, "quick", trainers=study.trainers)
    assert bool(study.fake.new) == (chosen.number != found.trial)
    assert (again == found) == (chosen.number == found.trial)


class _High(Fake):
    def __call__(self, plan, run, report):
        result = super().__call__(plan, run, report)
        return replace(result, score=1 - result.score)


def test_worth_is_positive_too_where_a_score_is_to_be_high(finished):
    study = finished('objective.metric="accuracy"', "confirm.keep_predictions_mib=0", fake=_High())
    found = ablate(study.storage, "quick", repeats=2, trainers=study.trainers)
    for part in found.parts:
        assert part.difference.mean == pytest.approx(found.whole.score - part.score)
    assert max(part.difference.mean for part in found.parts) > 0.05


def test_where_the_search_keeps_no_predictions_labels_alone_are_told(finished):
    study = finished("confirm.keep_predictions_mib=0")
    found = ablate(study.storage, "quick", repeats=2, trainers=study.trainers)
    assert found.whole.expected is None
    assert all(part.expected_difference is None and part.worth == part.difference for part in found.parts)
