import pytest

from search.models import check_patterns, describe_model, regularize
from search.spec import ModelSection
from search.techniques import Part


def mlp(*hidden, shape=(4,), n_outputs=2, task="binary"):
    section = ModelSection(family="mlp", hidden=hidden, activation="tanh")
    return describe_model(section, shape, n_outputs, task)


def changes(architecture, configuration, names=()):
    """Layer name to what a configuration gave it: the regularizer's coefficients, or the Dropout's rate."""
    found = {}
    for layer in regularize(architecture, configuration, names).layers:
        if penalty := layer.arguments.get("kernel_regularizer"):
            found[layer.name] = dict(penalty.arguments)
        if layer.path == "layers.Dropout":
            found[layer.name] = layer.arguments["rate"]
    return found


def test_everything_off_is_the_plain_model():
    names = ("l1", "l2", "dropout", "patience", "output.l2", "dense_*.dropout", "training.learning_rate")
    assert regularize(mlp(5, 3), {}, names) == mlp(5, 3)
    assert regularize(mlp(5, 3), {"patience": 3, "training.learning_rate": 0.1}, names) == mlp(5, 3)


def test_shared_value_goes_to_every_hidden_layer_and_not_to_the_output():
    assert changes(mlp(5, 3), {"l2": 0.1, "dropout": 0.5}) == {
        "dense_1": {"l2": 0.1},
        "dropout_1": 0.5,
        "dense_2": {"l2": 0.1},
        "dropout_2": 0.5,
    }


def test_shared_penalty_goes_to_the_output_when_it_is_the_only_layer():
    assert changes(mlp(), {"l1": 0.1, "dropout": 0.5}) == {"output": {"l1": 0.1}}


def test_pattern_gives_its_layers_a_value_of_their_own():
    configuration = {"l2": 0.1, "dense_2.l2": 0.7, "output.l2": 0.3}
    assert changes(mlp(5, 3, 2), configuration) == {
        "dense_1": {"l2": 0.1},
        "dense_2": {"l2": 0.7},
        "dense_3": {"l2": 0.1},
        "output": {"l2": 0.3},
    }


def test_pattern_that_is_off_does_not_fall_back_to_the_shared_value():
    assert changes(mlp(5, 3), {"l2": 0.1}, ("l2", "dense_2.l2")) == {"dense_1": {"l2": 0.1}}


def test_patterns_of_one_technique_leave_the_others_alone():
    configuration = {"l1": 0.1, "dense_1.l2": 0.2, "dense_*.dropout": 0.5}
    assert changes(mlp(5, 3), configuration) == {
        "dense_1": {"l1": 0.1, "l2": 0.2},
        "dropout_1": 0.5,
        "dense_2": {"l1": 0.1},
        "dropout_2": 0.5,
    }


def test_whole_number_becomes_the_coefficient_that_it_means():
    (layer, _) = regularize(mlp(5), {"l2": 1}, ()).layers
    assert layer.arguments["kernel_regularizer"] == Part("regularizers.L2", {"l2": 1.0})


@pytest.mark.parametrize(
    "names",
    [
        ("l1", "l2", "dropout", "patience", "training.learning_rate", "model.hidden"),
        ("l2", "dense_1.l2", "output.l2"),
        ("dense_[12].l1", "dense_1.l2", "dense_1.dropout"),
    ],
)
def test_names_that_each_reach_a_layer_are_no_problem(names):
    assert check_patterns([mlp(5, 3)], names) == []


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
    assert check_patterns([mlp(*hidden)], names) == [problem]


def test_pattern_needs_to_match_in_one_of_the_models_that_may_be_trained():
    assert check_patterns([mlp(5), mlp(5, 3)], ("dense_2.l2",)) == []
    assert changes(mlp(5), {"dense_2.l2": 0.1}) == {}


def test_every_problem_is_reported():
    assert [name for name, *_ in check_patterns([mlp(5)], ("a.l1", "b.l2", "output.dropout"))] == [
        "a.l1",
        "b.l2",
        "output.dropout",
    ]
