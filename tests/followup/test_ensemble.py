"""Several trained models of a study as one file: its seeds, and its finalists."""

import dataclasses
import json
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss

import search
from search.coordination.estimating import estimate_ensemble
from search.coordination.launching import Launch, run_study
from search.coordination.taught import final_runs
from search.errors import UsageError
from search.followup import ensemble as module
from search.followup.ensemble import refit_ensemble
from search.followup.prediction import ModelCard
from search.followup.refit import Refitted, refit_study
from search.preparation.files import prepare_study
from search.reporting.exports import EXPORTS
from search.storage import open_storage
from search.training import OwnMetric, WorkerSession, final_plan

STUDY = """
[study]
name = "noisy"
n_trials = 6
seed = 4
sampler = "grid"
[data]
source = "sklearn.make_moons"
options = { n_samples = 80, noise = 0.4, random_state = 1 }
standardize = true
[split]
test = 30
validation = { method = "kfold", folds = 2 }
[model]
family = "mlp"
hidden = [8]
activation = "relu"
[training]
epochs = 150  # so many that nets become unlike one another
learning_rate = 0.03
batch_size = 10
engine = "graph"
[space]
"model.activation" = { choices = ["relu", "tanh", "gelu"] }
zca = { choices = [0.5] }
[confirm]
finalists = 3
repeats = 2
refit_seeds = 3
"""
LOAD_AND_PREDICT = """
import sys
sys.modules["search"] = None
import keras, numpy as np
np.save(sys.argv[3], keras.saving.load_model(sys.argv[1])(np.load(sys.argv[2])).numpy())
"""


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A study that was run, its storage, and its sealed rows."""
    folder = tmp_path_factory.mktemp("noisy")
    (folder / "study.toml").write_text(STUDY)
    prepared = prepare_study(str(folder / "study.toml"))
    with open_storage(f"sqlite:///{folder / 'studies.db'}", create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        sealed = prepared.sealed.open(lambda _: None)
        session = WorkerSession()
        yield SimpleNamespace(prepared=prepared, storage=storage, record=record, sealed=sealed, session=session)


def loaded(path, rows, folder):
    """What a model in a file says of rows, in a process that cannot import regsearch."""
    np.save(folder / "rows.npy", rows)
    files = [str(path), str(folder / "rows.npy"), str(folder / "told.npy")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD_AND_PREDICT, *files], check=True, capture_output=True)
    return np.load(folder / "told.npy")


def trained_alone(noisy, trial):
    """What the runs of a trial say of the sealed rows, each trained by itself; shape (runs, rows, 1)."""
    of_trial = next(each for each in noisy.storage.trials(noisy.record.study_id) if each.number == trial)
    runs = final_runs(noisy.prepared, noisy.storage, noisy.record.study_id, of_trial)
    plan = final_plan(noisy.prepared.plan, runs[0].configuration)
    return np.stack([noisy.session.predict(plan, [run], noisy.sealed) for run in runs])


def test_exported_mean_of_several_seeds_reproduces_the_recorded_score_of_the_sealed_rows(noisy, tmp_path):
    EXPORTS["keras"].write(noisy.storage, "noisy", tmp_path / "best.keras")
    told = loaded(tmp_path / "best.keras", noisy.sealed.features, tmp_path)
    seen = noisy.storage.looks(noisy.record.study_id)[-1].result
    assert log_loss(noisy.sealed.target, told) == pytest.approx(seen["chosen"]["score"], abs=1e-6)
    alone = trained_alone(noisy, seen["chosen"]["trial"])
    assert len(alone) == 3
    assert np.ptp(alone, axis=0).max() > 0.01
    np.testing.assert_allclose(told, alone.mean(axis=0), rtol=0, atol=1e-6)
    assert ModelCard.read(tmp_path / "best.keras").ensemble is None


def test_ensemble_is_the_weighted_mean_of_its_trials_and_its_card_tells_them(noisy, tmp_path):
    ensemble = EXPORTS["keras"].write_ensemble(noisy.storage, "noisy", tmp_path / "ensemble.keras")
    assert len(ensemble.weights) > 1  # or this tells nothing of a mean
    finalists = [each["trial"] for each in noisy.storage.verdict(noisy.record.study_id).verdict["finalists"]]
    assert set(ensemble.weights) <= set(finalists)
    expected = sum(weight * trained_alone(noisy, trial).mean(axis=0) for trial, weight in ensemble.weights.items())
    told = loaded(tmp_path / "ensemble.keras", noisy.sealed.features, tmp_path)
    np.testing.assert_allclose(told, expected, rtol=0, atol=1e-6)

    target, mean = kept_mean(noisy, ensemble.weights)
    assert ensemble.score == pytest.approx(log_loss(target, mean), rel=1e-6)
    assert ensemble.estimate.apparent == pytest.approx(ensemble.score)
    assert ensemble.estimate.n_trials == 6

    with zipfile.ZipFile(tmp_path / "ensemble.keras") as archive:
        card = json.loads(archive.read("regsearch.json"))
    assert {each["trial"]: each["weight"] for each in card["ensemble"]["members"]} == dict(ensemble.weights)
    assert card["ensemble"]["estimate"]["score"] == ensemble.estimate.score
    assert ModelCard.read(tmp_path / "ensemble.keras").ensemble == card["ensemble"]


def kept_mean(noisy, weights):
    """The rows that score, and the weighted mean of what runs of the search predicted of them."""
    kept, folds = noisy.storage.predictions(noisy.record.study_id), noisy.prepared.plan.folds
    target = np.concatenate([noisy.prepared.plan.dataset.target[fold.validation] for fold in folds])
    of_trials = {trial: np.concatenate([kept[trial, fold.number, 0].values for fold in folds]) for trial in weights}
    return target, sum(weight * of_trials[trial][:, -1] for trial, weight in weights.items())


def test_threshold_of_an_ensemble_is_the_best_one_for_its_mean(noisy, monkeypatch):
    def join_members(prepared, members, threshold):
        return Refitted(None, ModelCard(threshold=threshold))

    plan = dataclasses.replace(noisy.prepared.plan, metric="balanced_accuracy")
    judged = dataclasses.replace(noisy.prepared, plan=plan, direction="maximize")
    monkeypatch.setattr(module, "prepare_again", lambda record: judged)
    monkeypatch.setattr(module, "train_members", lambda *given: [])
    monkeypatch.setattr(module, "join_members", join_members)
    refitted, ensemble = refit_ensemble(noisy.storage, "noisy")
    target, mean = kept_mean(noisy, ensemble.weights)
    scores = [balanced_accuracy_score(target, mean > threshold) for threshold in (0.0, *mean)]
    assert max(scores) > balanced_accuracy_score(target, mean > 0.5)
    assert balanced_accuracy_score(target, mean > refitted.card.threshold) == max(scores)


def test_configuration_that_came_twice_is_one_of_the_best_trials_once(noisy):
    study_id = noisy.record.study_id
    trials, kept = noisy.storage.trials(study_id), noisy.storage.predictions(study_id)
    best = min(trials, key=lambda trial: trial.score)
    again = kept | {(6, fold, seed): kept[trial, fold, seed] for trial, fold, seed in kept if trial == best.number}
    finalists = [0, best.number]
    once = estimate_ensemble(noisy.prepared, trials, kept, finalists)
    assert once.weights.keys() <= set(finalists)
    for order in (1, -1):
        twice = [*trials, dataclasses.replace(best, number=6)][::order]
        assert estimate_ensemble(noisy.prepared, twice, again, finalists) == once


def test_function_of_the_user_chooses_an_ensemble_that_has_no_estimate(noisy):
    text = "def cost(y_true, y_pred):\n    return float(((y_true - y_pred) ** 2).mean())\n"
    plan = dataclasses.replace(noisy.prepared.plan, own_metric=OwnMetric("costs.py:cost", "minimize", text))
    study_id = noisy.record.study_id
    trials, kept = noisy.storage.trials(study_id), noisy.storage.predictions(study_id)
    by_function = estimate_ensemble(dataclasses.replace(noisy.prepared, plan=plan), trials, kept, range(6))
    plan = dataclasses.replace(noisy.prepared.plan, metric="mse")  # of the probability of class 1
    by_name = estimate_ensemble(dataclasses.replace(noisy.prepared, plan=plan), trials, kept, range(6))
    assert by_function.estimate is None
    assert by_function.weights == by_name.weights
    assert by_function.score == pytest.approx(by_name.score)


def test_study_without_a_verdict_has_no_ensemble(noisy, monkeypatch):
    monkeypatch.setattr(noisy.storage, "verdict", lambda study_id: None)
    with pytest.raises(UsageError) as refused:
        refit_ensemble(noisy.storage, "noisy")
    assert str(refused.value) == (
        "noisy: expected a study whose finalists are confirmed, to average them, received one without a verdict. "
        "`regsearch run` goes on with noisy; with confirm.finalists = 0 it never has any."
    )


def test_study_without_predictions_has_no_ensemble(noisy, monkeypatch):
    monkeypatch.setattr(noisy.storage, "predictions", lambda study_id: {})
    with pytest.raises(UsageError, match="expected predictions of the baseline and the finalists to make an ensemble"):
        refit_ensemble(noisy.storage, "noisy")


def test_model_of_tune_is_the_mean_of_its_seeds_in_the_unit_of_its_targets(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(5, 2, (50, 3)).astype(np.float32)
    y = np.stack([1000 + 100 * x[:, 0], 20 * x[:, 1]], axis=1) + rng.normal(size=(50, 2))
    from search.training import start_tensorflow

    start_tensorflow()
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(2)])
    settings = ["training.epochs=20", 'training.engine="graph"', "training.learning_rate=0.01", "confirm.repeats=2"]
    settings += ["data.scale_target=true", 'study.sampler="grid"', "confirm.finalists=1", "confirm.refit_seeds=2"]
    found = search.tune(
        model, x, y, 2, space={"l2": {"choices": [0.01]}}, settings=settings, test=15, folds=2, directory=tmp_path
    )
    assert [layer.name for layer in found.model.layers[1:]] == ["member_1", "member_2", "mean"]
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage:
        seen = storage.looks(found.study.study_id)[-1].result
        stored = refit_study(storage, "tune").model
    sealed = prepare_study(str(tmp_path / "study.toml"), [*settings, "split.test=15"]).sealed.open(lambda _: None)
    told = found.model(sealed.features).numpy()
    assert np.mean((told - sealed.target) ** 2) == pytest.approx(seen["chosen"]["score"], rel=1e-6)
    np.testing.assert_allclose(stored(sealed.features).numpy(), told, rtol=1e-6)
