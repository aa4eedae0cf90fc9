"""What is said of names that a space cannot hold, for the models that it may train."""

import pytest

from search.models import check_patterns, describe_model
from search.spec import ModelSection


def mlp(*hidden, shape=(4,), n_outputs=2, task="binary"):
    section = ModelSection(family="mlp", hidden=hidden, activation="tanh")
    return describe_model(section, shape, n_outputs, task)


@pytest.mark.parametrize(
    "names",
    [
        ("l1", "l2", "dropout", "patience", "training.learning_rate", "model.hidden"),
        ("l2", "dense_1.l2", "output.l2"),
        ("dense_[12].l1", "dense_1.l2", "dense_1.dropout"),
    ],
)
def test_names_that_each_reach_a_layer_are_no_problem(names):
    assert check_patterns([mlp(5, 3)], names, "binary") == []


@pytest.mark.parametrize(
    ("hidden", "names", "problem"),
    [
        (
            (5, 3),
            ("dense1.l2",),
            (
                "dense1.l2",
                'expected a pattern that matches one of dense_1, dense_2, output, received "dense1"',
                'Did you mean "dense_1.l2"?',
            ),
        ),
        (
            (5, 3),
            ("zzz.dropout",),
            (
                "zzz.dropout",
                'expected a pattern that matches one of dense_1, dense_2, received "zzz"',
                "",
            ),
        ),
        (
            (5, 3),
            ("dense_*.l2", "dense_2.l2"),
            (
                "dense_2.l2",
                'expected one pattern of l2 for dense_2, received "dense_*.l2" too',
                "Make the patterns match different layers.",
            ),
        ),
        (
            (),
            ("dropout",),
            ("dropout", "expected a hidden layer for dropout, received a model that has none", "Leave it out."),
        ),
        (
            (),
            ("output.dropout",),
            ("output.dropout", 'expected a hidden layer for dropout, received "output"', "Leave it out."),
        ),
        (
            (5,),
            ("l2", "dense_1.l2"),
            ("l2", "expected a layer that no pattern of l2 takes, received none", "Leave it out."),
        ),
    ],
)
def test_name_without_effect_or_with_a_rival_is_reported(hidden, names, problem):
    assert check_patterns([mlp(*hidden)], names, "binary") == [problem]


def test_pattern_needs_to_match_in_one_of_the_models_that_may_be_trained():
    assert check_patterns([mlp(5), mlp(5, 3)], ("dense_2.l2",), "binary") == []


def test_every_problem_is_reported():
    assert [name for name, *_ in check_patterns([mlp(5)], ("a.l1", "b.l2", "output.dropout"), "binary")] == [
        "a.l1",
        "b.l2",
        "output.dropout",
    ]


def test_technique_that_fits_no_kind_of_layer_is_reported():
    assert check_patterns([mlp(5)], ("recurrent_l2", "output.recurrent_dropout"), "binary") == [
        (
            "recurrent_l2",
            "expected a layer that recurrent_l2 can be used on, received a model that has none",
            "Leave it out.",
        ),
        (
            "output.recurrent_dropout",
            'expected a layer that recurrent_dropout can be used on, received "output"',
            "Leave it out.",
        ),
    ]


@pytest.mark.parametrize(
    ("names", "conflict"),
    [
        (
            ("l2", "orthogonal"),
            ("orthogonal", "expected one of l2 and orthogonal for the kernel of dense_1, received both"),
        ),
        (
            ("l2", "dense_2.l1l2"),
            ("dense_2.l1l2", "expected one of l2 and dense_2.l1l2 for the kernel of dense_2, received both"),
        ),
        (
            ("max_norm", "output.unit_norm", "unit_norm"),
            ("unit_norm", "expected one of max_norm and unit_norm for the kernel of dense_1, received both"),
        ),
    ],
)
def test_techniques_that_set_the_same_thing_in_a_layer_are_reported_once(names, conflict):
    remedy = "Leave one out, or use them on different layers: LAYER_PATTERN.technique."
    assert check_patterns([mlp(5, 3)], names, "binary") == [(*conflict, remedy)]


def test_techniques_that_set_the_same_thing_in_different_layers_are_no_problem():
    names = ("dense_1.l2", "dense_2.orthogonal", "bias_l2", "output.l1l2")
    assert check_patterns([mlp(5, 3)], names, "binary") == []


@pytest.mark.parametrize("name", ["rotation", "shift", "zoom", "flip", "cutmix"])
def test_technique_of_images_wants_images(name):
    assert check_patterns([mlp(5, shape=(64,))], (name,), "binary") == [
        (
            name,
            f"expected images: rows of shape (height, width) or (height, width, channels) for {name}, "
            "received rows of shape (64,)",
            "Give [data] shape, as in shape = [8, 8], or leave it out.",
        )
    ]
    assert check_patterns([mlp(5, shape=(8, 8))], (name,), "binary") == []


@pytest.mark.parametrize("name", ["label_noise", "label_smoothing"])
def test_technique_of_labels_wants_a_classification(name):
    model = mlp(5, n_outputs=1, task="regression")
    message = f"expected a classification for {name}, received a regression"
    assert check_patterns([model], (name,), "regression") == [(name, message, "Leave it out.")]
    assert check_patterns([mlp(5)], (name,), "binary") == []


def test_auxiliary_weight_wants_a_second_head():
    assert check_patterns([mlp(5)], ("auxiliary_weight",), "binary") == [
        (
            "auxiliary_weight",
            "expected a model with an auxiliary head for auxiliary_weight, received mlp, which has none",
            'Choose family = "multitask", or leave it out.',
        )
    ]
    model = describe_model(ModelSection(family="multitask", hidden=(5,)), (4,), 2, "binary")
    assert check_patterns([model], ("auxiliary_weight",), "binary") == []


def test_weights_are_held_near_those_of_a_file_only_where_training_takes_some_from_one():
    message = "expected a model that trains on from weights of its file for l2_sp, received one that begins anew"
    remedy = 'Add weights = "saved" to [model] or unfreeze to [training], or leave it out.'
    assert check_patterns([mlp(5)], ("l2", "l2_sp"), "binary") == [("l2_sp", message, remedy)]
    assert check_patterns([mlp(5)], ("l2_sp",), "binary", thawing=["dense_*"]) == []
