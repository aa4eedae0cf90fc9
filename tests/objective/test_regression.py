"""A regression whose target is of thousands: what is claimed holds against scikit-learn, and in a fresh process."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from search import Launch, open_storage, prepare_study, run_study
from search.followup.refit import train_best
from search.preparation.drafted_data import Draft
from search.preparation.drafting import draft_study
from search.reporting.summaries import summarize_best

PREDICT = """
import sys
sys.modules["search"] = None
import keras, numpy as np
with np.load(sys.argv[2]) as archive:
    rows = {name: archive[name] for name in archive.files}
np.save(sys.argv[3], keras.saving.load_model(sys.argv[1]).predict(rows, verbose=0))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The study that `regsearch init` drafts for the table, after a few trials; its database stays open."""
    folder = tmp_path_factory.mktemp("diabetes")
    x, y = load_diabetes(return_X_y=True)
    names = [*(f"x{column}" for column in range(x.shape[1])), "y"]
    table = folder / "diabetes.csv"
    np.savetxt(table, np.column_stack([x, y * 1000 + 50_000]), "%.6f", ",", header=",".join(names), comments="")
    text = draft_study(Draft(folder, "mlp", table, ("y",), name="diabetes"))
    (folder / "diabetes.toml").write_text(text)
    settings = (
        "study.n_trials=9",
        "objective.metric=r2",
        "training.engine=compiled",
        "training.epochs=60",
        "confirm.finalists=0",
    )
    prepared = prepare_study(str(folder / "diabetes.toml"), settings)
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}", create=True) as storage:
        run_study(prepared, storage, Launch(n_jobs=0))
        yield prepared, storage


def test_search_explains_as_much_as_ridge_regression(found):
    prepared, storage = found
    dataset, folds = prepared.plan.dataset, prepared.plan.folds
    x, scores = dataset.features.to_numpy(), []
    for fold in folds:
        train = np.union1d(fold.train, fold.stop)
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
        ridge.fit(x[train], dataset.target[train])
        scores.append(r2_score(dataset.target[fold.validation], ridge.predict(x[fold.validation])))
    best = summarize_best(storage, "diabetes")
    assert best.choice.best.score > np.mean(scores) - 0.03
    assert best.constant.learned


def test_exported_model_predicts_in_the_unit_of_the_table(found, tmp_path):
    prepared, storage = found
    dataset = prepared.plan.dataset
    train_best(storage, "diabetes").save(tmp_path / "model.keras")
    np.savez(tmp_path / "rows.npz", **{name: dataset.features[name].to_numpy() for name in dataset.features})
    files = [str(tmp_path / name) for name in ("model.keras", "rows.npz", "predicted.npy")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", PREDICT, *files], check=True, env={**os.environ})
    predicted = np.load(tmp_path / "predicted.npy")[:, 0]
    assert predicted.mean() == pytest.approx(dataset.target.mean(), rel=0.05)
    assert r2_score(dataset.target, predicted) > 0.4
