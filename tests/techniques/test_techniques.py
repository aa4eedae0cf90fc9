"""Every technique of the map, held to what all of them promise without a Keras model."""

import inspect
import math
import pickle
import subprocess
import sys

import pytest

from search.errors import StudyFileError
from search.preparation.catalogue import default_catalogue
from search.spec import Arguments, Catalogue, parse_study
from search.techniques import (
    TECHNIQUES,
    AveragingTechnique,
    BatchTechnique,
    DataTechnique,
    HeadTechnique,
    InputTechnique,
    LayerTechnique,
    LoopTechnique,
    OptimizerTechnique,
    Part,
    PretrainedTechnique,
    Slot,
    StagesTechnique,
    Stopping,
    WeightTechnique,
    required_names,
    stopping_rule,
    watches_stop_rows,
)

DENSE = Part("layers.Dense", {"units": 3, "activation": "relu", "name": "dense_2"})
LSTM = Part("layers.LSTM", {"units": 3, "name": "lstm_1"})
CONV = Part("layers.Conv2D", {"filters": 3, "kernel_size": 2, "name": "conv_1"})
DROP = Part("layers.Dropout", {"rate": 0.5, "name": "drop_1"})
LAYER_TECHNIQUES = [name for name, known in TECHNIQUES.items() if isinstance(known, LayerTechnique)]
INPUT_TECHNIQUES = [name for name, known in TECHNIQUES.items() if isinstance(known, InputTechnique)]
IMAGE_TECHNIQUES = ["rotation", "shift", "zoom", "flip", "contrast"]


def layer_technique(name: str) -> LayerTechnique:
    technique = TECHNIQUES[name]
    assert isinstance(technique, LayerTechnique)
    return technique


def input_technique(name: str) -> InputTechnique:
    technique = TECHNIQUES[name]
    assert isinstance(technique, InputTechnique)
    return technique


def fitting_layer(name: str) -> Part:
    """A layer that a technique can be used on."""
    return next(layer for layer in (DENSE, CONV, LSTM, DROP) if layer_technique(name).fits(layer))


def some_value(name: str) -> float | str:
    domain = TECHNIQUES[name].domain
    return domain.names[0] if domain.kind == "choice" else 2 if domain.kind == "int" else 0.25


def test_every_technique_stands_under_its_own_name_in_the_order_in_which_it_acts():
    assert list(TECHNIQUES) == [
        *("l1", "l2", "kernel_l1", "kernel_l2", "l1l2", "bias_l1", "bias_l2", "recurrent_l1", "recurrent_l2"),
        *("orthogonal", "max_norm", "unit_norm", "recurrent_dropout", "rate"),
        *("activity_l1", "activity_l2", "batch_norm", "layer_norm"),
        *("dropout", "spatial_dropout", "gaussian_dropout", "alpha_dropout", "activation_noise"),
        *("zca", "rotation", "shift", "zoom", "flip", "contrast", "input_noise", "input_dropout"),
        *("mixup", "cutmix", "label_noise", "label_smoothing", "weight_noise", "l2_sp", "weight_decay", "swa"),
        *("auxiliary_weight", "patience", "minimum_delta", "start_epoch", "path"),
    ]
    assert all(technique.name == name for name, technique in TECHNIQUES.items())


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_says_what_it_does_where_it_comes_from_and_what_its_parameter_means(name):
    technique = TECHNIQUES[name]
    assert "\n    Source: " in (type(technique).__doc__ or "")
    assert technique.domain.meaning
    assert technique.domain.source[-4:].isdecimal()
    assert technique.domain.source in (type(technique).__doc__ or "")


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_has_a_module_of_its_own_name(name):
    assert inspect.getmodule(type(TECHNIQUES[name])).__name__ == f"search.techniques.{name}"


@pytest.mark.parametrize("name", TECHNIQUES)
def test_off_is_a_number_that_nobody_can_choose(name):
    technique = TECHNIQUES[name]
    assert not technique.domain.contains(technique.off)
    assert technique.off not in [technique.domain.number(text) for text in technique.domain.names]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_what_a_technique_requires_exists_and_requires_nothing_itself(name):
    assert all(required_names(TECHNIQUES[required]) == () for required in required_names(TECHNIQUES[name]))


COEFFICIENT = 'a number above 0 and at most 1000 or "off"'
RATE = 'a number above 0 and below 1 or "off"'
UP_TO_ONE = 'a number above 0 and at most 1 or "off"'
REFUSED = {
    **dict.fromkeys(
        ["l1", "l2", "kernel_l1", "kernel_l2", "l1l2", "bias_l1", "bias_l2", "recurrent_l1", "recurrent_l2"],
        (0.01, COEFFICIENT),
    ),
    **dict.fromkeys(["orthogonal", "max_norm", "activity_l1", "activity_l2", "zca", "mixup"], (0.01, COEFFICIENT)),
    **dict.fromkeys(["cutmix", "weight_decay", "auxiliary_weight", "path", "l2_sp"], (0.01, COEFFICIENT)),
    **dict.fromkeys(["recurrent_dropout", "rate", "batch_norm", "dropout", "spatial_dropout"], (0.5, RATE)),
    **dict.fromkeys(["gaussian_dropout", "alpha_dropout", "input_dropout"], (0.5, RATE)),
    **dict.fromkeys(["label_noise", "label_smoothing", "swa", "zoom"], (0.5, RATE)),
    **dict.fromkeys(["activation_noise", "input_noise", "shift", "contrast"], (1.0, UP_TO_ONE)),
    "rotation": (0.5, 'a number above 0 and at most 0.5 or "off"'),
    "weight_noise": (0.1, 'a number above 0 and at most 10 or "off"'),
    "unit_norm": ("on", '"on" or "off"'),
    "layer_norm": ("on", '"on" or "off"'),
    "flip": ("both", '"horizontal", "vertical", "both" or "off"'),
    "patience": (1, 'a whole number of at least 1 or "off"'),
    "start_epoch": (1, 'a whole number of at least 1 or "off"'),
    "minimum_delta": (0.001, 'a number above 0 or "off"'),
}


def problems_with(name: str, value: float | str) -> list[str]:
    """What reading a study says of a technique with one choice."""
    catalogue = Catalogue(
        techniques={known: technique.domain for known, technique in TECHNIQUES.items()},
        layered=frozenset(LAYER_TECHNIQUES),
        families={"mlp": frozenset({"hidden"})},
        optimizers={"adam": Arguments()},
        activations=frozenset({"relu"}),
        sources=default_catalogue().sources,
        metrics=("log_loss",),
        splitters=default_catalogue().splitters,
    )
    written = f'"{value}"' if isinstance(value, str) else value
    text = (
        '[study]\nname = "a"\nn_trials = 2\n[data]\nsource = "sklearn.make_moons"\n'
        '[model]\nfamily = "mlp"\nhidden = [2]\n'
        f"[space]\n{name} = {{ choices = [{written}] }}\n"
    )
    try:
        parse_study(text, "s.toml", catalogue)
    except StudyFileError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("name", TECHNIQUES)
def test_bad_value_is_refused_with_the_whole_sentence_and_a_good_one_taken(name):
    good, wanted = REFUSED[name]
    assert problems_with(name, good) == []
    assert problems_with(name, 0) == [
        f"s.toml:10 [space.{name}]: expected each choice to be {wanted}, received 0. "
        'Write "off" for a technique that is not used.'
    ]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_no_negative_number_and_none_that_is_not_finite_makes_sense(name):
    domain = TECHNIQUES[name].domain
    assert not any(domain.contains(value) for value in (-0.5, -1, -math.inf, math.inf, math.nan))


@pytest.mark.parametrize("name", LAYER_TECHNIQUES)
def test_layer_keeps_its_place_name_and_other_arguments(name):
    given = fitting_layer(name)
    layer, *following = layer_technique(name).apply(given, some_value(name))
    assert layer.path == given.path
    others = {k: v for k, v in given.arguments.items() if k not in layer_technique(name).writes}
    assert {**layer.arguments, **others} == dict(layer.arguments)
    assert all(part.name and part.name != layer.name for part in following)


@pytest.mark.parametrize("name", LAYER_TECHNIQUES)
def test_layer_that_is_given_stays_as_it_was(name):
    given = fitting_layer(name)
    before = dict(given.arguments)
    layer_technique(name).apply(given, some_value(name))
    assert given.arguments == before


@pytest.mark.parametrize("name", LAYER_TECHNIQUES)
def test_technique_says_what_it_writes_into_a_layer(name):
    given = fitting_layer(name)
    layer, *following = layer_technique(name).apply(given, some_value(name))
    changed = {argument for argument, value in layer.arguments.items() if given.arguments.get(argument) != value}
    assert changed == {written.partition(".")[0] for written in layer_technique(name).writes}
    assert bool(changed) != bool(following)


@pytest.mark.parametrize("name", LAYER_TECHNIQUES)
def test_layer_behind_another_computes_in_its_precision(name):
    given = fitting_layer(name).with_arguments(dtype="mixed_bfloat16")
    _, *following = layer_technique(name).apply(given, some_value(name))
    assert all(part.arguments["dtype"] == "mixed_bfloat16" for part in following)


@pytest.mark.parametrize(
    ("name", "layer", "fits"),
    [
        ("l2", DENSE, True),
        ("l2", LSTM, True),
        ("l2", Part("layers.Flatten"), False),
        ("l2", DENSE.with_arguments(kernel_regularizer=Part("regularizers.L1", {"l1": 0.1})), True),
        ("l2", DENSE.with_arguments(kernel_regularizer=Part("regularizers.OrthogonalRegularizer")), False),
        ("bias_l2", DENSE.with_arguments(use_bias=False), False),
        ("recurrent_l2", DENSE, False),
        ("recurrent_l2", Part("layers.GRU", {"units": 2}), True),
        ("recurrent_l2", LSTM.with_arguments(recurrent_regularizer=Part("regularizers.OrthogonalRegularizer")), False),
        ("orthogonal", LSTM, True),
        ("orthogonal", CONV, False),
        ("orthogonal", DENSE.with_arguments(kernel_regularizer=Part("regularizers.L1", {"l1": 0.1})), False),
        ("max_norm", DENSE.with_arguments(kernel_constraint=Part("constraints.NonNeg")), False),
        ("max_norm", DENSE.with_arguments(kernel_constraint=Part("constraints.MaxNorm", {"max_value": 2})), True),
        ("unit_norm", DENSE.with_arguments(kernel_constraint=Part("constraints.NonNeg")), False),
        ("recurrent_dropout", DENSE, False),
        ("rate", DROP, True),
        ("rate", Part("layers.SpatialDropout2D", {"rate": 0.5}), True),
        ("rate", Part("layers.AlphaDropout", {"rate": 0.5}), True),
        ("rate", Part("layers.GaussianDropout", {"rate": 0.5}), True),
        ("rate", Part("layers.GaussianNoise", {"stddev": 0.5}), False),
        ("rate", DENSE, False),
        ("recurrent_dropout", Part("layers.Bidirectional", {"layer": LSTM}), False),
        ("spatial_dropout", CONV, True),
        ("spatial_dropout", DENSE, False),
        ("spatial_dropout", CONV.with_arguments(data_format="channels_first"), False),
    ],
)
def test_technique_fits_the_layers_that_have_what_it_changes(name, layer, fits):
    assert layer_technique(name).fits(layer) is fits


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_one_penalty_is_a_plain_regularizer(name):
    (layer,) = layer_technique(name).apply(DENSE, 0.25)
    assert layer.arguments["kernel_regularizer"] == Part(f"regularizers.{name.upper()}", {name: 0.25})


@pytest.mark.parametrize("argument", ["kernel", "bias", "recurrent"])
@pytest.mark.parametrize("order", [("l1", "l2"), ("l2", "l1")])
def test_l1_and_l2_of_one_weight_merge_into_one_regularizer_in_any_order(argument, order):
    layer, values = LSTM, {"l1": 0.5, "l2": 0.25}
    for name in order:
        (layer,) = layer_technique(f"{argument}_{name}").apply(layer, values[name])
    assert layer.arguments[f"{argument}_regularizer"] == Part("regularizers.L1L2", values)
    assert set(layer.arguments) == {*LSTM.arguments, f"{argument}_regularizer"}


def test_elastic_net_has_one_coefficient_for_both():
    (layer,) = layer_technique("l1l2").apply(DENSE, 0.5)
    assert layer.arguments["kernel_regularizer"] == Part("regularizers.L1L2", {"l1": 0.5, "l2": 0.5})


def test_value_takes_the_place_of_the_coefficient_that_a_layer_has():
    given = DENSE.with_arguments(kernel_regularizer=Part("regularizers.L1L2", {"l1": 0.125, "l2": 0.5}))
    (layer,) = layer_technique("l2").apply(given, 0.25)
    assert layer.arguments["kernel_regularizer"] == Part("regularizers.L1L2", {"l1": 0.125, "l2": 0.25})


@pytest.mark.parametrize(
    ("name", "argument", "present", "attribute"),
    [
        ("l2", "kernel_regularizer", Part("regularizers.L2", {"l2": 0.5}), "l2"),
        ("orthogonal", "kernel_regularizer", Part("regularizers.OrthogonalRegularizer", {"factor": 0.5}), "factor"),
        ("max_norm", "kernel_constraint", Part("constraints.MaxNorm", {"max_value": 0.5}), "max_value"),
    ],
)
def test_slot_is_off_at_what_a_layer_has_already(name, argument, present, attribute):
    (layer,) = layer_technique(name).apply(DENSE.with_arguments(**{argument: present}), Slot(name, 0.0))
    assert layer.arguments[argument].arguments[attribute] == Slot(name, 0.5)


def test_slot_for_recurrent_dropout_is_off_at_the_rate_that_a_layer_has_already():
    (layer,) = layer_technique("recurrent_dropout").apply(
        LSTM.with_arguments(recurrent_dropout=0.5), Slot("recurrent_dropout", 0.0)
    )
    assert layer.arguments["recurrent_dropout"] == Slot("recurrent_dropout", 0.5)


def test_slot_for_the_rate_of_a_layer_is_off_at_the_rate_that_it_has():
    (layer,) = layer_technique("rate").apply(DROP, Slot("rate", 0.0))
    assert layer == DROP.with_arguments(rate=Slot("rate", 0.5))


def test_techniques_in_whose_place_a_layer_may_have_something_take_0_there():
    zero = {name for name in LAYER_TECHNIQUES if layer_technique(name).can_be_zero}
    assert zero == {
        *("l1", "l2", "kernel_l1", "kernel_l2", "l1l2", "bias_l1", "bias_l2", "recurrent_l1", "recurrent_l2"),
        *("orthogonal", "recurrent_dropout", "rate"),
    }
    assert layer_technique("max_norm").replaces == {"kernel_constraint.max_value"}
    assert default_catalogue().zero_in_layers == zero


def test_optimizer_decays_as_it_is_told_and_off_not_at_all():
    decay = TECHNIQUES["weight_decay"]
    assert isinstance(decay, OptimizerTechnique)
    adam, slot = Part("optimizers.Adam", {"learning_rate": 0.1}), Slot("weight_decay", 0.0)
    assert decay.apply(adam, 0.25) == adam.with_arguments(weight_decay=0.25)
    assert decay.apply(adam, slot) == adam.with_arguments(weight_decay=slot)
    assert decay.leave_out(adam) == adam
    assert decay.apply(Part("optimizers.AdamW"), slot).arguments == {"weight_decay": slot}
    assert decay.leave_out(Part("optimizers.AdamW")).arguments == {"weight_decay": 0.0}
    assert decay.apply(Part("optimizers.Muon"), 0.1).arguments == {"weight_decay": 0.1, "adam_weight_decay": 0.1}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("dense_2", "dropout_2"),
        ("embed", "dropout_embed"),
        ("a_b", "dropout_a_b"),
        ("conv_2", "dropout_conv_2"),
        ("encoder/dense_2", "dropout_encoder_dense_2"),
    ],
)
def test_dropout_follows_its_layer_and_is_named_after_it(layer, expected):
    given = DENSE.with_arguments(name=layer)
    dropout = Part("layers.Dropout", {"rate": 0.5, "name": expected})
    assert layer_technique("dropout").apply(given, 0.5) == (given, dropout)


@pytest.mark.parametrize("name", IMAGE_TECHNIQUES)
def test_images_with_channels_pass_one_layer_and_others_are_given_a_channel_for_it(name):
    technique = input_technique(name)
    (layer,) = technique.apply((8, 6, 3), some_value(name))
    before, same, after = technique.apply((8, 6), some_value(name))
    assert layer == same
    assert layer.name == name
    assert (before.arguments["target_shape"], after.arguments["target_shape"]) == ((8, 6, 1), (8, 6))
    assert len({before.name, layer.name, after.name}) == 3


@pytest.mark.parametrize("name", INPUT_TECHNIQUES)
def test_technique_says_which_rows_it_wants(name):
    wants = "images: rows of shape (height, width) or (height, width, channels)" if name in IMAGE_TECHNIQUES else None
    assert input_technique(name).wants((64,)) == wants
    assert input_technique(name).wants((8, 8)) is None
    assert input_technique(name).wants((8, 8, 3)) is None


def test_techniques_of_labels_are_for_classification():
    limited = {name for name, known in TECHNIQUES.items() if "regression" not in known.tasks}
    assert limited == {"cutmix", "label_noise", "label_smoothing"}


def test_every_technique_is_of_one_kind():
    kinds = (
        *(LayerTechnique, InputTechnique, OptimizerTechnique, DataTechnique, BatchTechnique, WeightTechnique),
        *(PretrainedTechnique, HeadTechnique, AveragingTechnique, LoopTechnique, StagesTechnique),
    )
    assert all(sum(isinstance(known, kind) for kind in kinds) == 1 for known in TECHNIQUES.values())
    assert [[name for name, known in TECHNIQUES.items() if isinstance(known, kind)] for kind in kinds[-4:]] == [
        ["auxiliary_weight"],
        ["swa"],
        ["patience", "minimum_delta", "start_epoch"],
        ["path"],
    ]


def test_technique_says_what_the_house_has_to_know_of_it():
    def those_with(attribute: str) -> list[str]:
        return [name for name, known in TECHNIQUES.items() if getattr(known, attribute)]

    assert those_with("is_penalty") == [
        *("l1", "l2", "kernel_l1", "kernel_l2", "l1l2", "bias_l1", "bias_l2", "recurrent_l1", "recurrent_l2"),
        *("orthogonal", "activity_l1", "activity_l2", "l2_sp"),
    ]
    assert those_with("penalizes_activations") == ["activity_l1", "activity_l2"]
    assert those_with("shrinks_weights") == ["l2", "kernel_l2", "l1l2", "weight_decay"]


def test_technique_requires_those_that_give_it_something_to_do():
    penalties = tuple(name for name, known in TECHNIQUES.items() if known.is_penalty)
    required = {name: required_names(known) for name, known in TECHNIQUES.items() if required_names(known)}
    assert required == {"minimum_delta": ("patience",), "start_epoch": ("patience",), "path": penalties}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"l2": 0.1, "minimum_delta": 0.25}, None),
        ({"patience": 3.0, "dropout": 0.5}, Stopping(3)),
        ({"start_epoch": 7.0, "patience": 3.0, "minimum_delta": 0.25}, Stopping(3, 0.25, 7)),
    ],
)
def test_stopping_rule_is_what_its_techniques_make_of_it(values, expected):
    assert stopping_rule(values) == expected
    assert watches_stop_rows(values) is (expected is not None)


def test_part_is_a_value():
    penalized = DENSE.with_arguments(kernel_regularizer=Part("regularizers.L2", {"l2": 0.1}))
    assert pickle.loads(pickle.dumps(penalized)) == penalized
    assert hash(penalized) == hash(DENSE)
    assert penalized != DENSE


def test_coordinator_imports_without_keras_tensorflow_or_scikit_learn():
    modules = (
        "search.techniques, search.models, search.training, search.training.worker_session, search.training.engines"
    )
    program = (
        f"import sys, {modules}; "
        "heavy = {'keras', 'tensorflow', 'sklearn', 'pandas', 'scipy', 'optuna'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
