"""What baseline and choice say of rows is found out once, when the choice is made, from what their runs predicted."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from search.coordination.launching import Launch, run_study
from search.preparation.files import prepare_study
from search.records import DIAGNOSIS_KIND, Boundary, Diagnosis, Predictions, Purpose, RunResult
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake, made_up_score

NUMBERS = (
    STUDY.replace('"sklearn.make_moons"', '"sklearn.load_diabetes"')
    .replace("options = { n_samples = 60, noise = 0.2, random_state = 1 }", "")
)  # fmt: skip


class OnAPlane(Fake):
    """What is trained on all rows holds class 1 likely everywhere, the chosen one more so."""

    def __call__(self, plan, run, report):
        if run.purpose is not Purpose.REFIT:
            return super().__call__(plan, run, report)
        likely = 0.75 if run.trial == 0 else 0.9
        return RunResult(run, 1.0, predictions=Predictions(np.full((1, 1), likely, np.float32)))


class OfNumbers(Fake):
    """Predicts one more than the truth; the baseline two more."""

    def __call__(self, plan, run, report):
        rows = plan.fold(run).validation
        too_much = 2.0 if run.trial == 0 else 1.0
        told = plan.dataset.target[rows][:, None] + too_much
        return RunResult(run, float(made_up_score(run.configuration, run.seed)), predictions=Predictions(told))


def run(folder, text, fake):
    """The study, its preparation and an open storage."""
    (folder / "quick.toml").write_text(text)
    prepared = prepare_study(str(folder / "quick.toml"))
    with open_storage(f"sqlite:///{folder / 'quick.db'}", create=True) as storage:
        record = run_study(prepared, storage, Launch(0), train=fake)
        return prepared, record


def diagnosis_of(folder, record):
    with open_storage(f"sqlite:///{folder / 'quick.db'}") as storage:
        stored = storage.analysis(record.study_id, DIAGNOSIS_KIND)
    return stored, Diagnosis.from_json(stored.document)


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plane")
    return folder, *run(folder, STUDY, OnAPlane())


def test_confusions_are_means_over_what_confirmation_runs_predicted(plane):
    folder, prepared, record = plane
    _, found = diagnosis_of(folder, record)
    assert (found.is_confirmed, found.n_passes, found.baseline) == (True, 4.0, 0)  # as many as there are repeats
    assert list(found.confusions) == [0, found.chosen]
    target = prepared.plan.dataset.target
    with open_storage(f"sqlite:///{folder / 'quick.db'}") as storage:
        for trial, counts in found.confusions.items():
            told = storage.predictions(record.study_id, Purpose.CONFIRMATION, trial=trial)
            runs = {r.fold: r for k in range(4) for r in prepared.confirmation_runs(trial, {}, k)}
            rows = [prepared.plan.fold(runs[fold]).validation for _, fold, _ in told]
            labels = [(values.values[:, 0] > 0.5).astype(int) for values in told.values()]
            expected = confusion_matrix(target[np.concatenate(rows)], np.concatenate(labels)) / 4
            assert counts == pytest.approx(expected, abs=1e-3)
            assert np.sum(counts) == pytest.approx(60)


def test_plane_is_predicted_by_both_models_around_all_rows(plane):
    folder, prepared, record = plane
    _, found = diagnosis_of(folder, record)
    features = prepared.plan.dataset.features
    boundary = found.boundary
    assert boundary.names == ("first feature", "second feature")
    for axis, column in ((boundary.x, features[:, 0]), (boundary.y, features[:, 1])):
        assert axis[0] < column.min() < column.max() < axis[-1]
        assert len(axis) == 60
    assert set(np.ravel(boundary.shares[0])) == {0.75}
    assert set(np.ravel(boundary.shares[found.chosen])) == {0.9}
    assert np.shape(boundary.classes[0]) == (60, 60)
    assert set(np.ravel(boundary.classes[0])) == {1}
    rows = {(float(x), float(y), int(of)) for (x, y), of in zip(features, prepared.plan.dataset.target, strict=True)}
    assert set(boundary.rows) == rows


def test_same_choice_is_not_looked_into_again(plane):
    folder, _, record = plane
    before, _ = diagnosis_of(folder, record)
    run(folder, STUDY, OnAPlane())
    after, _ = diagnosis_of(folder, record)
    assert after.at == before.at
    run(folder, STUDY.replace("n_trials = 30", "n_trials = 31"), OnAPlane())
    renewed, found = diagnosis_of(folder, record)
    assert renewed.at > before.at
    assert found.n_trials == 31


def test_numbers_are_paired_with_what_one_run_predicts_of_each_row(tmp_path):
    prepared, record = run(tmp_path, NUMBERS, OfNumbers())
    _, found = diagnosis_of(tmp_path, record)
    assert found.confusions == {}
    assert found.boundary is None  # ten columns are no plane
    (of_baseline,), (of_chosen,) = found.pairs[0], found.pairs[found.chosen]
    assert sorted(value for value, _ in of_baseline) == sorted(prepared.plan.dataset.target)
    assert {round(told - value, 3) for value, told in of_baseline} == {2.0}
    assert {round(told - value, 3) for value, told in of_chosen} == {1.0}


def test_failed_training_leaves_the_plane_out_and_the_rest_as_it_is(tmp_path):
    _, record = run(tmp_path, STUDY, Fake())  # which knows no rows that all train
    _, found = diagnosis_of(tmp_path, record)
    assert found.boundary is None
    assert found.confusions


def test_runs_without_predictions_leave_nothing_to_be_told(tmp_path):
    class Silent(Fake):
        def __call__(self, plan, run, report):
            return replace(super().__call__(plan, run, report), predictions=None)

    _, record = run(tmp_path, STUDY, Silent())
    _, found = diagnosis_of(tmp_path, record)
    assert (found.confusions, found.pairs, found.boundary) == ({}, {}, None)


def test_documents_come_back_as_they_were_and_others_are_refused():
    boundary = Boundary(("a", "b"), (0.0, 1.0), (2.0,), {0: ((1, 0),)}, {0: ((0.75, 0.5),)}, ((0.5, 2.0, 1),))
    found = Diagnosis(3, None, 2, False, 1.5, {2: ((1.0, 0.0), (0.5, 2.0))}, {2: (((1.0, 1.5),),)}, boundary)
    assert Diagnosis.from_json(found.to_json()) == found
    with pytest.raises(ValueError, match="expected a diagnosis of version 1, received 2"):
        Diagnosis.from_json({**found.to_json(), "version": 2})
