"""Nets with layers of the user's own, and subclassed ones, train as they do by Keras' own `fit`, in every engine."""

import textwrap
from dataclasses import replace

import numpy as np
import pytest

from search.models import read_model
from search.records import Configuration
from search.spec import ModelSection
from search.training.engines import keep_going
from search.user_code import code_trusted
from tests.models.test_custom_code import NET, SUBCLASSED

FACTS = {"input_shape": (4,), "n_outputs": 3, "task": "multiclass", "timeout_seconds": 600}
CASES = {
    "layers": (NET, {"gate.l2": 0.02, "bent.dropout": 0.3, "input_noise": 0.1, "patience": 2}),
    "layers, off": (NET, {}),
    "subclassed": (SUBCLASSED, {"l2": 0.02, "input_noise": 0.1, "max_norm": 0.5, "patience": 2}),
    "subclassed, off": (SUBCLASSED, {}),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory, keras):
    """A function that reads the model of some code, once."""
    known = {}

    def read_it(code):
        if code not in known:
            folder = tmp_path_factory.mktemp("nets")
            (folder / "net.py").write_text(textwrap.dedent(code))
            section = ModelSection(builder="net.py:build", custom="net.py", weights="saved")
            with code_trusted():
                known[code] = read_model(section, folder, "[model]", **FACTS)
        return known[code]

    return read_it


@pytest.fixture
def plan_of(read, make_plan):
    def make(code, names, **training):
        given = {"builder": "net.py:build", "custom": "net.py", "weights": "saved"}
        plan = make_plan("multiclass", model=given, space=tuple(names) or ("l2",), **{"epochs": 6, **training})
        return replace(plan, saved=read(code))

    return make


@pytest.mark.parametrize(("code", "settings"), CASES.values(), ids=CASES)
def test_engines_agree(plan_of, make_run, train_stages, code, settings):
    run = replace(make_run(), configuration=Configuration(settings))
    plan = plan_of(code, settings)
    by_fit, *others = (train_stages(plan, run, engine, keep_going) for engine in ("fit", "compiled", "graph"))
    for outcome in others:
        assert list(outcome.weights) == list(by_fit.weights)
        for path, values in outcome.weights.items():
            np.testing.assert_allclose(values, by_fit.weights[path], rtol=1e-3, atol=1e-4, err_msg=path)
        np.testing.assert_allclose(outcome.curve.validation_loss, by_fit.curve.validation_loss, rtol=1e-4)
        assert outcome.penalty == pytest.approx(by_fit.penalty, rel=1e-4)
        assert outcome.score == pytest.approx(by_fit.score, rel=1e-4)


def test_subclassed_model_trains_as_by_keras_alone(keras, read, plan_of, make_run, train_stages, tmp_path):
    """All rows in one batch, so that their order does not matter, and no dropout."""
    code = SUBCLASSED.replace("Dropout(0.2)", "Dropout(0.0)")
    plan = plan_of(code, (), batch_size=64, learning_rate=0.05)
    outcome = train_stages(plan, make_run(), "compiled", keep_going)
    module = {"__name__": "net"}
    exec(textwrap.dedent(code), module)
    (tmp_path / "net.keras").write_bytes(read(code).archive)
    with keras.saving.custom_object_scope({"mine>Net": module["Net"]}):
        model = keras.saving.load_model(tmp_path / "net.keras")
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    rows = np.union1d(plan.folds[0].train, plan.folds[0].stop)
    model.fit(plan.dataset.features[rows], plan.dataset.target[rows], batch_size=64, epochs=6, verbose=0)
    for mine, theirs in zip(outcome.weights.values(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)
