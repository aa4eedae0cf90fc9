"""A table with holes, of real rows: as good as scikit-learn's own pipeline on it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from search import Launch, open_storage, prepare_study, run_study
from search.followup.prediction import predict_rows
from search.reporting.exports import EXPORTS

pytestmark = pytest.mark.slow

STUDY = """
[study]
name = "holes"
n_trials = 4
[data]
source = "csv"
path = "rows.csv"
target = "tumor"
[split]
test = 0
groups = "clinic"
validation = { method = "kfold", folds = 3 }
[model]
family = "mlp"
hidden = [16]
[training]
epochs = 60
engine = "graph"
[objective]
metric = "roc_auc"
[confirm]
finalists = 0
[space]
l2 = { choices = [0.01] }
dropout = { choices = [0.3] }
patience = { low = 5, high = 20 }
"""


@pytest.fixture(scope="module")
def rows():
    """Wisconsin's tumors, every tenth cell missing, one column as text, of twenty clinics."""
    rng = np.random.default_rng(0)
    x, y = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = x.iloc[:, :12].copy()
    frame["size"] = pd.cut(x["worst area"], [0, 500, 800, 9999], labels=["small", "middle", "large"]).astype(object)
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    return frame.assign(clinic=rng.integers(0, 20, len(x)), tumor=np.where(y == 1, "benign", "malignant"))


def test_rows_with_holes_are_told_apart_as_well_as_by_scikit_learn(rows, tmp_path):
    seen, unseen = rows[rows["clinic"] < 15], rows[rows["clinic"] >= 15]
    seen.to_csv(tmp_path / "rows.csv", index=False)
    unseen.drop(columns=["tumor", "clinic"]).to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    prepared = prepare_study(str(tmp_path / "study.toml"))
    assert "size is missing" in prepared.facts.inputs
    with open_storage(f"sqlite:///{tmp_path / 'holes.db'}", create=True) as storage:
        run_study(prepared, storage, Launch(n_jobs=0))
        EXPORTS["keras"].write(storage, "holes", tmp_path / "model.keras")
    told = predict_rows(tmp_path / "model.keras", tmp_path / "new.csv")
    ours = pd.DataFrame(told.rows, columns=told.header)["probability_malignant"].astype(float)

    numbers = list(rows.columns[:12])
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
                ("text", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["size"]),
            ]
        ),
        LogisticRegression(),
    )
    features = [*numbers, "size"]
    pipeline.fit(seen[features].replace({None: np.nan}), seen["tumor"])
    theirs = pipeline.predict_proba(unseen[features].replace({None: np.nan}))[:, 1]
    truth = unseen["tumor"] == "malignant"
    assert roc_auc_score(truth, theirs) > 0.95
    assert roc_auc_score(truth, ours) > roc_auc_score(truth, theirs) - 0.02
