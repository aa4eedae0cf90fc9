from dataclasses import replace

from search.models import build_model, describe_model, open_slots, read_saved, regularize
from search.spec import ModelSection
from search.techniques import Part, Slot


def mlp(*hidden, shape=(4,), n_outputs=2, task="binary"):
    section = ModelSection(family="mlp", hidden=hidden, activation="tanh")
    return describe_model(section, shape, n_outputs, task)


def changes(architecture, configuration, names=()):
    """Layer name to what a configuration gave it: the regularizer's coefficients, or the Dropout's rate."""
    found = {}
    for layer in regularize(architecture, configuration, names).chain:
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
    layer, _ = regularize(mlp(5), {"l2": 1}, ()).layers
    assert layer.arguments["kernel_regularizer"] == Part("regularizers.L2", {"l2": 1.0})


def test_pattern_that_matches_no_layer_of_this_model_changes_nothing():
    assert changes(mlp(5), {"dense_2.l2": 0.1}) == {}


def test_text_stays_text_and_a_slot_stays_a_slot():
    (layer, _) = regularize(mlp(5), {"unit_norm": "on", "l2": Slot("l2", 0.0)}, ()).layers
    assert layer.arguments["kernel_constraint"].path == "constraints.UnitNorm"
    assert layer.arguments["kernel_regularizer"].arguments["l2"] == Slot("l2", 0.0)


def test_what_follows_a_layer_stands_in_the_order_of_the_techniques():
    regularized = regularize(mlp(5, 3), {"dropout": 0.5, "batch_norm": 0.9}, ())
    assert [layer.name for layer in regularized.chain] == [
        "dense_1",
        "batch_norm_1",
        "dropout_1",
        "dense_2",
        "batch_norm_2",
        "dropout_2",
        "output",
    ]
    assert [layer.name for layer in regularized.layers] == ["dense_1", "dense_2", "output"]


def test_input_techniques_stand_before_the_first_layer_in_the_order_of_the_techniques():
    regularized = regularize(mlp(5, shape=(4, 4)), {"input_dropout": 0.1, "input_noise": 0.2, "flip": "both"}, ())
    first = [layer.name for layer in regularized.chain].index("flatten")
    paths = [layer.path for layer in regularized.chain[:first]]
    assert paths == [layer.path for layer in regularized.entering]
    random = [path for path in paths if path != "layers.Reshape"]
    assert random == ["layers.RandomFlip", "layers.GaussianNoise", "layers.Dropout"]


def test_added_layer_never_takes_the_name_of_a_layer_of_the_model():
    plain = mlp(5)
    taken = replace(plain, layers=(Part("layers.Rescaling", {"scale": 2.0, "name": "dropout_1"}), *plain.layers))
    regularized = regularize(taken, {"dropout": 0.5}, ())
    assert [layer.name for layer in regularized.chain] == ["dropout_1", "dense_1", "dropout_1_added", "output"]


def test_names_of_added_layers_do_not_depend_on_what_else_is_on():
    family = ModelSection(family="cnn", filters=(2,), hidden=(5,))
    plain = describe_model(family, (8, 8), 3, "multiclass")
    names = ("dropout", "dense_1.dropout", "batch_norm")
    opened = {layer.name for layer in open_slots(plain, names).chain}
    for configuration in ({"dropout": 0.5}, {"dense_1.dropout": 0.5}, {"batch_norm": 0.9, "dropout": 0.1}):
        assert {layer.name for layer in regularize(plain, configuration, names).chain} <= opened


def two_heads(keras, archive_of, *, hidden):
    """A user's model whose prediction is the sum of two layers, on a hidden layer or on the rows themselves."""
    rows = keras.Input((4,))
    trunk = keras.layers.Dense(5, name="hidden")(rows) if hidden else rows
    heads = [keras.layers.Dense(1, name=name)(trunk) for name in ("left", "right")]
    scores = keras.layers.Rescaling(10.0, name="scaled")(keras.layers.Add(name="sum")(heads))
    saved = read_saved(archive_of(keras.Model(rows, scores)), "x")
    return describe_model(ModelSection(keras="own.keras"), (4,), 1, "regression", saved)


def test_shared_values_stay_away_from_all_layers_that_predict(keras, archive_of):
    plain = two_heads(keras, archive_of, hidden=True)
    assert plain.outputs == {"left", "right"}
    regularized = regularize(plain, {"l2": 0.1, "dropout": 0.5, "batch_norm": 0.9}, ())
    penalized = [layer.name for layer in regularized.layers if layer.arguments.get("kernel_regularizer")]
    assert penalized == ["hidden"]
    assert {name: len(parts) for name, parts in regularized.following.items()} == {"hidden": 2}


def test_shared_penalty_goes_to_all_layers_that_predict_when_there_are_no_others(keras, archive_of):
    regularized = regularize(two_heads(keras, archive_of, hidden=False), {"l2": 0.1, "dropout": 0.5}, ())
    penalized = [layer.name for layer in regularized.layers if layer.arguments.get("kernel_regularizer")]
    assert sorted(penalized) == ["left", "right"]
    assert regularized.following == {}


def test_pattern_reaches_one_of_the_layers_that_predict(keras, archive_of):
    regularized = regularize(two_heads(keras, archive_of, hidden=True), {"left.l2": 0.1}, ())
    penalized = [layer.name for layer in regularized.layers if layer.arguments.get("kernel_regularizer")]
    assert penalized == ["left"]


def test_layers_that_predict_and_all_behind_are_in_float32(keras, archive_of):
    mixed = two_heads(keras, archive_of, hidden=True).at_precision("mixed_bfloat16")
    assert {layer.name: layer.arguments["dtype"] for layer in mixed.layers} == {
        "hidden": "mixed_bfloat16",
        "left": "float32",
        "right": "float32",
        "sum": "float32",
        "scaled": "float32",
    }


def test_mixed_precision_leaves_operations_to_what_they_take(keras, archive_of):
    rows = keras.Input((4,))
    hidden = keras.layers.Dense(5, name="hidden")(rows)
    scores = keras.layers.Dense(1, name="out")(hidden * 2.0)
    saved = read_saved(archive_of(keras.Model(rows, scores)), "x")
    plain = describe_model(ModelSection(keras="own.keras"), (4,), 1, "regression", saved)
    rebuilt = build_model(plain.at_precision("mixed_bfloat16"))
    assert rebuilt.get_layer("hidden").compute_dtype == "bfloat16"
    assert rebuilt.outputs[0].dtype == "float32"
