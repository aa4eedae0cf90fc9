"""The chosen model as Python source."""

import dataclasses
import datetime as dt
import re

import pytest

from search.errors import UsageError
from search.records import Configuration, StudyFacts, StudyRecord, Trial, TrialState
from search.reporting.exports import EXPORTS
from search.reporting.exports.chosen import Chosen
from search.spec import spec_from_json

FACTS = StudyFacts("multiclass", classes=("a", "b", "c"), input_shape=(4,))
MODEL = """
def build():
    import keras
    import numpy as np

    rows = keras.Input((4,), name="rows")
    scaled = keras.layers.Normalization(name="scaled")
    return keras.Model(rows, keras.layers.Dense(3, activation="softmax", name="out")(scaled(rows)), name="net")
"""


@pytest.fixture
def make_chosen():
    """`make_chosen(facts, model, **training)`: the choice of a study."""

    def make_chosen(facts, model, **training):
        spec = spec_from_json(
            {
                "study": {"name": "s", "n_trials": 1},
                "data": {"source": "npz", "path": "d.npz", "task": "classification"},
                "model": model,
                "training": training,
                "space": {"l2": {"low": 1e-6, "high": 0.1, "log": True}},
            }
        )
        record = StudyRecord("s", 1, "minimize", "log_loss", {}, "ab" * 32, facts, dt.datetime(2026, 1, 2), 1)
        return Chosen(record, spec, Trial(0, TrialState.COMPLETE, Configuration(), 0.5), None, 1)

    return make_chosen


def test_every_class_is_told(make_chosen):
    facts = StudyFacts("multiclass", classes=tuple(f"kind_{n}" for n in range(50)), input_shape=(4,))
    text = EXPORTS["python"].render(make_chosen(facts, {"family": "mlp", "hidden": [4]}))
    comment = " ".join(line.removeprefix("#").strip() for line in text.partition("\nimport keras")[0].splitlines())
    assert f"Class indices: {', '.join(f'{n} is kind_{n}' for n in range(50))}." in comment
    assert "..." not in comment
    assert max(map(len, text.splitlines())) <= 120


def test_training_call_weighs_classes_as_the_study_did(make_chosen):
    model = {"family": "mlp", "hidden": [4]}
    plain = EXPORTS["python"].render(make_chosen(FACTS, model))
    assert "class_weight" not in plain
    given = EXPORTS["python"].render(make_chosen(FACTS, model, class_weight={"b": 2.5}))
    assert "CLASS_WEIGHT = {0: 1.0, 1: 2.5, 2: 1.0}\n" in given
    assert "        class_weight=CLASS_WEIGHT,\n" in given
    balanced = EXPORTS["python"].render(make_chosen(FACTS, model, class_weight="balanced"))
    file = {"__name__": "exported"}
    exec(re.search(r"def class_weight.*?\n\n\n", balanced, re.DOTALL).group(), file)
    import numpy as np

    assert file["class_weight"](np.array([0, 0, 0, 1, 1, 2])) == {0: 6 / 9, 1: 1.0, 2: 2.0}


def test_builder_whose_layers_have_weights_of_their_own_is_refused(make_chosen, tmp_path):
    (tmp_path / "net.py").write_text(MODEL)
    facts = dataclasses.replace(FACTS, folder=str(tmp_path))
    with pytest.raises(UsageError) as caught:
        EXPORTS["python"].render(make_chosen(facts, {"builder": "net.py:build"}))
    assert str(caught.value) == (
        "--format: expected weights that are drawn anew or lie in a .keras file, received those that net.py:build "
        "gives. Use --format keras: the trained model as a file."
    )


def test_model_that_is_not_what_it_was_is_refused(make_chosen, tmp_path):
    (tmp_path / "net.py").write_text(MODEL)
    facts = dataclasses.replace(FACTS, folder=str(tmp_path), model_sha256="cd" * 32)
    with pytest.raises(UsageError) as caught:
        EXPORTS["python"].render(make_chosen(facts, {"builder": "net.py:build"}))
    assert re.sub(r"\(\w{12}", "(0123456789ab", str(caught.value)) == (
        "s [model]: expected the model that the study was begun with (SHA-256 cdcdcdcdcdcd...), received another "
        f"(0123456789ab...). Put back what the study was begun with in {tmp_path}."
    )


def test_loss_of_ones_own_is_refused(make_chosen):
    with pytest.raises(UsageError) as caught:
        EXPORTS["python"].render(make_chosen(FACTS, {"family": "mlp", "hidden": [3]}, loss="losses.py:mine"))
    assert str(caught.value) == (
        '--format: expected a loss of Keras for "python", received losses.py:mine. '
        "Use --format keras: the trained model as a file."
    )


def test_file_has_the_label_of_each_class(make_chosen):
    def told(classes):
        facts = dataclasses.replace(FACTS, classes=classes)
        namespace = {}
        text = EXPORTS["python"].render(make_chosen(facts, {"family": "mlp", "hidden": [4]}))
        exec(text.partition("\nCLASSES")[1] + text.partition("\nCLASSES")[2].partition("]\n")[0] + "]\n", namespace)
        return tuple(namespace["CLASSES"])

    for classes in (
        ("a", "b", "c"),
        ("it's", 'a "quote"', "back\\slash\n"),
        tuple(f"kind number {n}" for n in range(50)),
    ):
        assert told(classes) == classes


def test_metric_of_choices_is_said_to_want_a_threshold_of_its_own(make_chosen):
    facts = StudyFacts("binary", classes=("no", "yes"), input_shape=(4,))
    chosen, note = make_chosen(facts, {"family": "mlp", "hidden": [4]}), "may be better at another threshold"
    assert note not in EXPORTS["python"].render(chosen)
    objective = chosen.spec.objective.model_copy(update={"metric": "f1_macro"})
    told = dataclasses.replace(chosen, spec=chosen.spec.model_copy(update={"objective": objective}))
    assert f"# f1_macro {note}: find it on rows that do not train.\nTHRESHOLD = 0.5" in EXPORTS["python"].render(told)
