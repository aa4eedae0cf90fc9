"""Every technique of the map, held to what all of them promise."""

import math
import pickle
import subprocess
import sys

import pytest

from search.techniques import TECHNIQUES, LayerTechnique, Part

DENSE = Part("layers.Dense", {"units": 3, "activation": "relu", "name": "dense_2"})
LAYER_TECHNIQUES = [name for name, known in TECHNIQUES.items() if isinstance(known, LayerTechnique)]


def layer_technique(name: str) -> LayerTechnique:
    technique = TECHNIQUES[name]
    assert isinstance(technique, LayerTechnique)
    return technique


def test_every_technique_stands_under_its_own_name():
    assert list(TECHNIQUES) == ["l1", "l2", "dropout", "patience"]
    assert all(technique.name == name for name, technique in TECHNIQUES.items())


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_says_what_its_parameter_means_and_where_it_comes_from(name):
    domain = TECHNIQUES[name].domain
    assert domain.meaning
    assert domain.source[-4:].isdecimal()


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("l1", [1e-9, 0.1, 1000], [0, -0.1, 1001, math.inf]),
        ("l2", [1e-9, 0.1, 1000], [0, -0.1, 1001, math.inf]),
        ("dropout", [0.01, 0.99], [0, 1, -0.2, 1.5]),
        ("patience", [1, 10_000], [0, -1, 2.5]),
    ],
)
def test_domain_holds_what_makes_sense_and_never_what_means_off(name, inside, outside):
    domain = TECHNIQUES[name].domain
    assert all(domain.contains(value) for value in inside)
    assert not any(domain.contains(value) for value in outside)


@pytest.mark.parametrize("name", LAYER_TECHNIQUES)
def test_layer_keeps_its_place_name_and_other_arguments(name):
    layer, *following = layer_technique(name).apply(DENSE, 0.5)
    assert layer.path == DENSE.path
    assert {**layer.arguments, **DENSE.arguments} == dict(layer.arguments)
    assert all(part.name and part.name != layer.name for part in following)


@pytest.mark.parametrize("name", LAYER_TECHNIQUES)
def test_layer_that_is_given_stays_as_it_was(name):
    before = dict(DENSE.arguments)
    layer_technique(name).apply(DENSE, 0.5)
    assert DENSE.arguments == before


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_one_penalty_is_a_plain_regularizer(name):
    (layer,) = layer_technique(name).apply(DENSE, 0.25)
    assert layer.arguments["kernel_regularizer"] == Part(f"regularizers.{name.upper()}", {name: 0.25})


@pytest.mark.parametrize("order", [("l1", "l2"), ("l2", "l1")])
def test_l1_and_l2_merge_into_one_regularizer_in_any_order(order):
    layer, values = DENSE, {"l1": 0.5, "l2": 0.25}
    for name in order:
        (layer,) = layer_technique(name).apply(layer, values[name])
    assert layer.arguments["kernel_regularizer"] == Part("regularizers.L1L2", values)


@pytest.mark.parametrize(
    ("layer", "expected"), [("dense_2", "dropout_2"), ("embed", "dropout_embed"), ("a_b", "dropout_a_b")]
)
def test_dropout_follows_its_layer_and_is_named_after_it(layer, expected):
    given = DENSE.with_arguments(name=layer)
    dropout = Part("layers.Dropout", {"rate": 0.5, "name": expected})
    assert layer_technique("dropout").apply(given, 0.5) == (given, dropout)


def test_part_is_a_value():
    penalized = DENSE.with_arguments(kernel_regularizer=Part("regularizers.L2", {"l2": 0.1}))
    assert pickle.loads(pickle.dumps(penalized)) == penalized
    assert hash(penalized) == hash(DENSE)
    assert penalized != DENSE


def test_coordinator_imports_without_keras_tensorflow_or_scikit_learn():
    modules = "search.techniques, search.models, search.training, search.training.worker, search.training.engines"
    program = (
        f"import sys, {modules}; "
        "heavy = {'keras', 'tensorflow', 'sklearn', 'pandas', 'scipy', 'optuna'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
