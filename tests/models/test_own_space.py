"""What a model brings of its own becomes entries of [space]: which, and with which values."""

import pytest

from search.models import describe_model, names_over_own, own_in_words, read_saved, search_own
from search.spec import ModelSection


@pytest.fixture
def plain_of(keras, tmp_path):
    """A function that describes a model of layers, as it is saved."""

    def describe(*layers, shape=(6,), own="search"):
        keras.Sequential([keras.Input(shape), *layers]).save(tmp_path / "own.keras")
        saved = read_saved((tmp_path / "own.keras").read_bytes(), "own.keras")
        return describe_model(ModelSection(keras="own.keras", own=own), shape, 2, "binary", saved)

    return describe


@pytest.fixture
def dense(keras):
    """A function that makes a layer with a penalty on its kernel."""
    return lambda name, penalty=None, **more: keras.layers.Dense(
        4, "relu", kernel_regularizer=penalty, name=name, **more
    )


def choices(found):
    return {name: values.choices for name, values in found.entries.items()}


def test_rates_and_penalties_are_searched_from_0_to_twice_what_they_are(keras, plain_of, dense):
    layers, penalties = keras.layers, keras.regularizers
    plain = plain_of(
        dense("one", penalties.L2(0.001)),
        layers.Dropout(0.5, name="half"),
        dense("two", penalties.L1L2(0.03, 0.01), bias_regularizer=penalties.L1(0.3)),
        layers.AlphaDropout(0.2, name="fifth"),
        dense("three", penalties.OrthogonalRegularizer(0.1)),
        layers.Dense(1, "sigmoid", name="out"),
    )
    assert choices(search_own(plain, ())) == {
        "one.l2": (0, 1e-5, 1e-4, 0.000333, 0.002),
        "half.rate": (0, 0.125, 0.25, 0.375, 0.625, 0.75),
        "two.l1": (0, 0.0003, 0.003, 0.01, 0.06),
        "two.l2": (0, 0.0001, 0.001, 0.00333, 0.02),
        "two.bias_l1": (0, 0.003, 0.03, 0.1, 0.6),
        "fifth.rate": (0, 0.05, 0.1, 0.15, 0.3, 0.4),
        "three.orthogonal": (0, 0.001, 0.01, 0.0333, 0.2),
    }


def test_recurrent_layers_and_layers_of_nested_models_are_searched_by_their_names(keras, plain_of, dense):
    lstm = keras.layers.LSTM(3, recurrent_dropout=0.2, recurrent_regularizer="l2", name="lstm")
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.4, name="drop[1]")], name="inner")
    plain = plain_of(lstm, inner, keras.layers.Dense(1, "sigmoid", name="out"), shape=(4, 3))
    found = search_own(plain, ())
    assert list(found.entries) == ["lstm.recurrent_dropout", "lstm.recurrent_l2", "inner/drop[[]1].rate"]
    assert names_over_own(plain, tuple(found.entries)) == tuple(found.entries)


def test_layer_that_is_named_like_a_table_of_a_study_file_is_not_taken_for_it(keras, plain_of):
    plain = plain_of(keras.layers.Dropout(0.4, name="training"), keras.layers.Dense(1, "sigmoid", name="out"))
    found = search_own(plain, ())
    assert list(found.entries) == ["[t]raining.rate"]
    assert names_over_own(plain, tuple(found.entries)) == ("[t]raining.rate",)


def test_what_a_space_names_already_stays_as_it_is(keras, plain_of, dense):
    layers = [dense("one", keras.regularizers.L2(0.1)), keras.layers.Dropout(0.5, name="half"), dense("two", "l2")]
    plain = plain_of(*layers, keras.layers.Dense(1, "sigmoid", name="out"))
    assert list(search_own(plain, ("ha*.rate", "one.l2")).entries) == ["two.l2"]
    assert list(search_own(plain, ("one.kernel_l2", "tw*.l1l2")).entries) == ["half.rate"]


def test_name_for_several_layers_gives_up_those_that_get_an_entry(keras, plain_of, dense):
    plain = plain_of(dense("one", "l2"), dense("two"), keras.layers.Dense(1, "sigmoid", name="out"))
    assert list(search_own(plain, ("l2",)).entries) == ["one.l2"]
    assert list(search_own(plain, ("kernel_l2",)).entries) == ["one.kernel_l2"]
    assert search_own(plain, ("kernel_l2",)).shared == ()
    assert names_over_own(plain, ("l2",)) == ("l2",)
    assert names_over_own(plain, ("l2", "one.l2")) == ("one.l2",)


def test_name_that_would_have_no_layer_left_searches_what_the_model_brings(keras, plain_of, dense):
    plain = plain_of(
        dense("one", "l2"), keras.layers.Dropout(0.5, name="half"), keras.layers.Dense(1, "sigmoid", name="out")
    )
    found = search_own(plain, ("l2", "dropout"))
    assert list(found.entries) == ["half.rate"]
    assert found.shared == ("l2",)


def test_what_no_technique_takes_the_place_of_is_left(keras, plain_of, dense):
    layers = keras.layers
    lstm = layers.LSTM(3, dropout=0.1, kernel_regularizer=keras.regularizers.L2(0.2), name="lstm")
    plain = plain_of(
        layers.GaussianNoise(0.3, name="noise"),
        layers.Bidirectional(lstm, name="both"),
        dense("limited", kernel_constraint=keras.constraints.MaxNorm(2)),
        layers.Dense(1, "sigmoid", name="out"),
        shape=(4, 3),
    )
    found = search_own(plain, ())
    assert found.entries == {}
    assert own_in_words(found.left) == ("gaussian noise 0.3", "dropout 0.1", "L2 0.2 on both", "max norm 2 on limited")


def test_penalty_on_weights_that_are_frozen_is_not_searched_and_dropout_is(keras, plain_of, dense):
    frozen = [dense("one", "l2", trainable=False), keras.layers.Dropout(0.5, name="half", trainable=False)]
    plain = plain_of(*frozen, keras.layers.Dense(1, "sigmoid", name="out"))
    assert list(search_own(plain, ()).entries) == ["half.rate"]


def test_off_means_off_where_the_model_brings_nothing_in_its_place(keras, plain_of, dense):
    layers = [dense("one", "l2"), dense("two"), keras.layers.Dropout(0.5, name="half")]
    out = keras.layers.Dense(1, "sigmoid", kernel_constraint=keras.constraints.MaxNorm(2), name="out")
    names = ("dropout", "one.l2", "two.l2", "half.rate", "out.max_norm", "training.epochs")
    assert names_over_own(plain_of(*layers, out), names) == ("one.l2", "half.rate", "out.max_norm")
    assert names_over_own(plain_of(*layers, out, own="strip"), names) == ()
    family = describe_model(ModelSection(family="mlp", hidden=(3,)), (4,), 2, "binary")
    assert names_over_own(family, ("l2", "dropout")) == ()
