"""`RegularizedClassifier` and `RegularizedRegressor` beyond what scikit-learn checks."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import search
from search import RegularizedClassifier, RegularizedRegressor
from search.errors import UsageError

SETTINGS = ["confirm.finalists=0", 'training.engine="graph"']
QUICK = {"n_trials": 2, "epochs": 30, "folds": 1, "random_state": 0, "settings": SETTINGS}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)) * 100 + 1000
POSITIVE = X[:, 0] > 1000
Y = np.array(["no", "yes"])[POSITIVE.astype(int)]


@pytest.fixture(scope="module")
def fitted():
    return RegularizedClassifier(**QUICK).fit(X, Y)


def test_numbers_of_any_size_are_scaled_inside(fitted):
    assert fitted.score(X, Y) > 0.95
    assert fitted.classes_.tolist() == ["no", "yes"]
    probabilities = fitted.predict_proba(X)
    np.testing.assert_array_equal(probabilities.sum(axis=1), np.ones(90))
    np.testing.assert_allclose(fitted.model_.predict(X, verbose=0)[:, 0], probabilities[:, 1], rtol=1e-5)


def test_what_was_found_is_what_tune_finds(fitted):
    from search.training import start_tensorflow

    start_tensorflow()
    import keras

    def net(n_features, n_classes):
        layers = [keras.layers.Dense(8, "relu", name="a"), keras.layers.Dense(n_classes, "softmax", name="b")]
        # Named, so that one program serves both.
        return keras.Sequential([keras.Input((n_features,), name="rows"), *layers], name="net")

    classifier = RegularizedClassifier(net, **QUICK).fit(X, Y)
    settings = [*SETTINGS, "data.standardize=true"]
    tuned = search.tune(net(3, 2), X, Y, 2, epochs=30, folds=1, seed=0, settings=settings, verbose=False)
    assert [trial.score for trial in classifier.trials_] == [trial.score for trial in tuned.trials]
    assert classifier.configuration_ == tuned.configuration
    np.testing.assert_allclose(classifier.predict_proba(X), tuned.model.predict(X, verbose=0), rtol=1e-5)
    assert tuned.card.classes == ("no", "yes")


def test_unpickled_in_a_fresh_process_it_predicts_the_same(fitted, tmp_path):
    (tmp_path / "fitted.pkl").write_bytes(pickle.dumps(fitted))
    np.savez(tmp_path / "rows.npz", x=X, expected=fitted.predict_proba(X))
    code = (
        "import pathlib, pickle, sys\n"
        "import numpy as np\n"
        "fitted = pickle.loads(pathlib.Path('fitted.pkl').read_bytes())\n"
        "print('tensorflow' in sys.modules)\n"
        "rows = np.load('rows.npz')\n"
        "np.testing.assert_array_equal(fitted.predict_proba(rows['x']), rows['expected'])\n"
        "print(fitted.predict(rows['x'])[:1].tolist(), fitted.configuration_ == fitted.chosen_.configuration)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"False\n['{Y[0]}'] True\n"


def test_labels_of_any_kind_come_back():
    y = np.arange(240) % 12
    x = np.eye(12)[y] + RNG.normal(scale=0.05, size=(240, 12))
    for labels in (y, y.astype(float), np.array([f"class {k}" for k in range(12)])[y]):
        classifier = RegularizedClassifier(**QUICK).fit(x, labels)
        assert classifier.score(x, labels) > 0.95
        assert classifier.predict_proba(x).argmax(axis=1).tolist() == classifier.classes_.searchsorted(labels).tolist()
    assert RegularizedClassifier(**QUICK).fit(X, POSITIVE).predict(X).dtype == bool


def test_it_is_searched_inside_a_pipeline_and_leaves_no_files(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pipeline = make_pipeline(StandardScaler(), RegularizedClassifier(**QUICK))
    found = GridSearchCV(pipeline, {"regularizedclassifier__epochs": [1, 30]}, cv=2).fit(X, Y)
    assert found.best_params_ == {"regularizedclassifier__epochs": 30}
    assert list(tmp_path.iterdir()) == []


def test_environment_is_left_as_it_was(fitted):
    before = dict(os.environ)
    clone(fitted).fit(X, Y)
    assert dict(os.environ) == before


def test_two_fits_at_once_are_two_fits(fitted):
    others = [clone(fitted), clone(fitted)]
    threads = [threading.Thread(target=other.fit, args=(X, Y)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_names_of_columns_are_kept_and_checked():
    rows = pd.DataFrame(X, columns=["a", "b", "c"])
    classifier = RegularizedClassifier(**QUICK).fit(rows, pd.Series(Y))
    assert classifier.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        classifier.predict(rows[["b", "a", "c"]])


def test_decisions_follow_the_threshold_of_the_metric():
    classifier = RegularizedClassifier(**QUICK, metric="accuracy").fit(X, Y)
    threshold = classifier._card.threshold
    assert threshold != 0.5
    expected = np.array(["no", "yes"])[(classifier.predict_proba(X)[:, 1] > threshold).astype(int)]
    assert classifier.predict(X).tolist() == expected.tolist()


def test_targets_come_back_in_their_unit_and_shape():
    y = X[:, 0] * 3 + 5
    quick = {**QUICK, "epochs": 200}
    flat, column = RegularizedRegressor(**quick).fit(X, y), RegularizedRegressor(**quick).fit(X, y[:, None])
    assert flat.score(X, y) > 0.95
    np.testing.assert_array_equal(flat.predict(X)[:, None], column.predict(X))
    both = RegularizedRegressor(**quick).fit(X, np.column_stack([y, -y]))
    assert both.predict(X[:2]).shape == (2, 2)
    assert both.score(X, np.column_stack([y, -y])) > 0.95


def test_rows_of_weight_zero_have_no_part():
    noise = np.where(np.arange(90) % 3 == 0, "other", Y)
    weight = (noise != "other").astype(float)
    classifier = RegularizedClassifier(**QUICK).fit(X, noise, sample_weight=weight)
    assert classifier.classes_.tolist() == ["no", "yes"]


def test_directory_keeps_a_study_that_can_be_opened(tmp_path):
    RegularizedClassifier(**QUICK, directory=tmp_path, class_weight={"yes": 3.0}).fit(X, Y)
    study = search.load("RegularizedClassifier", f"sqlite:///{tmp_path / 'regsearch.db'}")
    assert study.record.spec["training"]["class_weight"] == {"no": 1.0, "yes": 3.0}
    assert study.record.facts.classes == ("no", "yes")
    assert len(study.trials) == 2


@pytest.mark.parametrize(
    ("arguments", "y", "error", "message"),
    [
        (
            {},
            np.zeros(90),
            ValueError,
            "RegularizedClassifier: expected rows of at least 2 classes, received 1 class, 0.0.",
        ),
        (
            {},
            np.array(["rare", *Y[1:]]),
            ValueError,
            "RegularizedClassifier: expected at least 2 rows of every class, received a single row of 'rare'.",
        ),
        ({"model": "mlp"}, Y, UsageError, "model: expected a Keras model, received str."),
        (
            {"model": lambda n_features, n_classes: None},
            Y,
            UsageError,
            "model: expected a function that returns a Keras model, received one that returns NoneType.",
        ),
        ({"n_jobs": "2"}, Y, UsageError, "n_jobs: expected a whole number or None, received '2'."),
        (
            {"class_weight": {"yess": 3.0}},
            Y,
            UsageError,
            "class_weight: expected classes of y ('no', 'yes'), received 'yess'.",
        ),
    ],
)
def test_what_cannot_be_fitted_is_told(arguments, y, error, message):
    with pytest.raises(error) as caught:
        RegularizedClassifier(**(QUICK | arguments)).fit(X, y)
    assert str(caught.value) == message


def test_a_fit_that_fails_leaves_nothing_fitted(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        again.fit(np.where(X > 1100, np.nan, X), Y)
    assert not hasattr(again, "model_")
