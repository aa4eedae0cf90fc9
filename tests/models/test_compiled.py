"""What a compiled model tells of its training, read from its file without Keras."""

import pytest

from search.models import Loss, loss_in_memory, loss_setting, read_saved
from search.models.compiled import read_compiled


@pytest.fixture
def compiled(keras, tmp_path):
    """A function: how a model was compiled, as its file tells."""

    def read(*arguments, **named):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid", name="out")])
        if arguments or named:
            model.compile(*arguments, **named)
        model.save(tmp_path / "net.keras")
        return read_saved((tmp_path / "net.keras").read_bytes(), "net.keras").compiled

    return read


def test_model_that_was_not_compiled_tells_nothing(compiled):
    told = compiled()
    assert (told.training, told.loss, told.refused, told.metrics) == ({}, None, {}, ())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: "adam", {"optimizer": "adam", "learning_rate": 0.001}),
        (lambda o: o.SGD(0.3), {"optimizer": "sgd", "learning_rate": 0.3}),
        (
            lambda o: o.SGD(0.3, momentum=0.9, nesterov=True, clipnorm=1.5),
            {
                "optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True, "clipnorm": 1.5},
                "learning_rate": 0.3,
            },
        ),
        (
            lambda o: o.AdamW(o.schedules.CosineDecay(0.1, 100, alpha=0.2), weight_decay=0.01),
            {
                "optimizer": {"name": "adamw", "weight_decay": 0.01},
                "learning_rate": 0.1,
                "schedule": {"name": "cosine_decay", "decay_steps": 100, "alpha": 0.2},
            },
        ),
        (
            lambda o: o.RMSprop(o.schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001])),
            {
                "optimizer": "rmsprop",
                "learning_rate": 0.1,
                "schedule": {
                    "name": "piecewise_constant_decay",
                    "boundaries": [10, 20],
                    "values": [0.1, 0.01, 0.001],
                },
            },
        ),
    ],
)
def test_optimizer_is_told_with_what_is_not_a_default(keras, compiled, make, expected):
    assert compiled(make(keras.optimizers), "binary_crossentropy").training == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: "bce", "binary_crossentropy"),
        (lambda x: x.mean_squared_error, "mean_squared_error"),
        (lambda x: ["mse"], "mean_squared_error"),
        (lambda x: {"out": "mae"}, "mean_absolute_error"),
        (lambda x: "MeanSquaredError", "mean_squared_error"),
        (lambda x: "huber", "huber"),
        (lambda x: x.BinaryFocalCrossentropy(gamma=3), {"name": "binary_focal_crossentropy", "gamma": 3}),
        (lambda x: x.BinaryCrossentropy(from_logits=True), {"name": "binary_crossentropy", "from_logits": True}),
    ],
)
def test_loss_is_told_with_what_is_not_a_default(keras, compiled, make, expected):
    assert loss_setting(compiled("adam", make(keras.losses)).loss) == expected


def test_weight_of_a_loss_is_told(keras, compiled):
    loss = compiled("adam", "mse", loss_weights=[0.25]).loss
    assert loss == Loss("mean_squared_error", weight=0.25)
    assert loss_setting(loss) == {"name": "mean_squared_error", "weight": 0.25}


def test_metrics_of_keras_are_told(keras, compiled):
    class Mine(keras.metrics.Mean):
        pass

    told = compiled("adam", "mse", metrics=["accuracy", keras.metrics.AUC(), Mine()]).metrics
    assert [each if isinstance(each, str) else each["class_name"] for each in told] == ["accuracy", "AUC"]


def mine(y, predicted):
    return predicted - y


@pytest.mark.parametrize(
    ("make", "refused"),
    [
        (lambda k: {"loss": mine}, {"loss": "the loss mine, a function of its own"}),
        (lambda k: {"loss": k.losses.Dice()}, {"loss": "the loss Dice"}),
        (
            lambda k: {"loss": k.losses.MeanSquaredError(reduction="sum")},
            {"loss": "reduction = sum of the loss mean_squared_error"},
        ),
        (lambda k: {"loss": k.losses.Huber(2.0)}, {"loss": "the loss Huber, whose delta Keras does not write down"}),
        (
            lambda k: {"loss": k.losses.MeanSquaredError(reduction=None)},
            {"loss": "reduction = None of the loss mean_squared_error"},
        ),
        (lambda k: {"optimizer": k.optimizers.SGD(use_ema=True)}, {"optimizer": "use_ema = True of the optimizer sgd"}),
        (
            lambda k: {"optimizer": k.optimizers.LossScaleOptimizer(k.optimizers.SGD())},
            {"optimizer": "the optimizer LossScaleOptimizer"},
        ),
    ],
)
def test_what_a_study_cannot_take_over_is_told_as_such(keras, compiled, make, refused):
    told = compiled(**{"optimizer": "adam", "loss": "mse"} | make(keras))
    assert told.refused == refused


def test_what_keras_does_not_write_down_is_known_of_a_model_in_memory(keras):
    assert loss_in_memory(keras.losses.Huber(delta=2.0)) == {"name": "huber", "delta": 2.0}
    for other in (None, "mse", keras.losses.MeanSquaredError(), mine):
        assert loss_in_memory(other) is None


@pytest.mark.parametrize(
    "optimizer", [7, {}, {"class_name": "SGD"}, {"class_name": "SGD", "config": {"learning_rate": []}}]
)
@pytest.mark.parametrize("loss", [7, {"class_name": "Huber"}, {"class_name": 3, "config": []}])
def test_whatever_a_file_tells_is_read_or_refused_in_words(optimizer, loss):
    told = read_compiled({"compile_config": {"optimizer": optimizer, "loss": loss}})
    assert set(told.refused) == {"optimizer", "loss"}
