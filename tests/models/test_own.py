"""What the user's model brings of its own is named, and can be taken out."""

import pytest

from search.models import build_model, describe_model, find_own, own_in_words, read_saved
from search.spec import ModelSection


@pytest.fixture
def saved(keras, tmp_path):
    """A model with dropout, noise, penalties and a constraint, some of them in a recurrent layer and a nested model."""
    layers, penalties = keras.layers, keras.regularizers
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, "relu", kernel_regularizer=penalties.L1L2(0.01, 0.02), name="dense")],
        name="inner",
    )
    model = keras.Sequential(
        [
            keras.Input((4, 3)),
            layers.GaussianNoise(0.1, name="noise"),
            layers.LSTM(6, dropout=0.1, recurrent_dropout=0.2, recurrent_regularizer=penalties.L2(0.003), name="lstm"),
            layers.Dropout(0.25, name="drop_1"),
            inner,
            layers.Dropout(0.5, name="drop_2"),
            layers.Dense(
                1, "sigmoid", kernel_regularizer="l2", kernel_constraint=keras.constraints.MaxNorm(2), name="out"
            ),
        ]
    )
    model.save(tmp_path / "own.keras")
    return read_saved((tmp_path / "own.keras").read_bytes(), "own.keras")


def test_everything_is_named_with_its_value(saved):
    assert own_in_words(find_own(saved.layers)) == (
        "gaussian noise 0.1",
        "dropout 0.1, 0.25, 0.5",
        "recurrent dropout 0.2",
        "recurrent L2 0.003 on lstm",
        "L1 0.01 on inner/dense",
        "L2 0.02 on inner/dense",
        "L2 0.01 on out",
        "max norm 2 on out",
    )


def test_bare_model_has_nothing_to_name(keras, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.0), keras.layers.Dense(1)])
    model.save(tmp_path / "bare.keras")
    assert find_own(read_saved((tmp_path / "bare.keras").read_bytes(), "bare.keras").layers) == ()


def test_stripped_model_has_the_same_layers_without_it(keras, saved):
    sections = (ModelSection(keras="own.keras", own=own) for own in ("keep", "strip"))
    kept, stripped = (describe_model(section, (4, 3), 2, "binary", saved) for section in sections)
    assert find_own(kept.layers) == find_own(saved.layers)
    assert find_own(stripped.layers) == ()
    assert [layer.name for layer in stripped.layers] == [layer.name for layer in kept.layers]
    for traced in (False, True):
        bare = build_model(stripped, traced=traced)
        assert not bare.losses
        assert bare.get_layer("drop_2").rate == 0
        assert bare.get_layer("out").kernel_constraint is None
        assert bare.get_layer("inner").get_layer("dense").kernel_regularizer is None
        assert (bare.get_layer("lstm").cell.dropout, bare.get_layer("lstm").cell.recurrent_dropout) == (0, 0)
    assert build_model(kept).get_layer("drop_2").rate == 0.5


def test_what_stands_inside_a_wrapper_is_named_and_taken_out_too(keras, tmp_path):
    layers = keras.layers
    lstm = layers.LSTM(3, dropout=0.2, kernel_regularizer="l2", name="lstm")
    model = keras.Sequential(
        [keras.Input((4, 3)), layers.Bidirectional(lstm, name="both"), layers.Dense(1, "sigmoid", name="out")]
    )
    model.save(tmp_path / "own.keras")
    saved = read_saved((tmp_path / "own.keras").read_bytes(), "own.keras")
    assert own_in_words(find_own(saved.layers)) == ("dropout 0.2", "L2 0.01 on both")
    stripped = describe_model(ModelSection(keras="own.keras", own="strip"), (4, 3), 2, "binary", saved)
    assert find_own(stripped.layers) == ()
    both = build_model(stripped).get_layer("both")
    assert [each.cell.dropout for each in (both.forward_layer, both.backward_layer)] == [0, 0]
    assert not build_model(stripped).losses
