import math

import pytest

from search.training.stopping import BestEpoch


def follow(losses, patience):
    """The best epoch, and the epoch after which training ends; None when it does not."""
    best = BestEpoch(patience)
    for epoch, loss in enumerate(losses, start=1):
        best.observe(epoch, loss)
        if best.exhausted:
            return best.epoch, epoch
    return best.epoch, None


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([3, 2, 1], 1, (3, None)),
        ([3, 2, 2, 1], 1, (2, 3)),  # no change is no improvement
        ([3, 2, 5, 1, 4, 4, 4], 3, (4, 7)),
        ([1, 2, 3, 4], 3, (1, 4)),
        ([1, 2, 3], 3, (1, None)),
        ([math.nan, 3, 2, 5, 5], 2, (3, 5)),
        ([math.nan, math.nan], 2, (0, 2)),
    ],
)
def test_ends_when_patience_is_exhausted_and_remembers_the_best_epoch(losses, patience, expected):
    assert follow(losses, patience) == expected


def test_counts_as_keras_does(keras):
    losses = [5.0, 4.0, 4.5, 3.9, 4.1, 4.2, 3.8, 4.0, 4.0, 4.0, 4.0]
    theirs = keras.callbacks.EarlyStopping(monitor="val_loss", patience=3)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    theirs.set_model(model)
    model.stop_training = False
    model.optimizer = None
    theirs.on_train_begin()
    for index, loss in enumerate(losses):
        theirs.on_epoch_end(index, {"val_loss": loss})
        if model.stop_training:
            break
    assert (theirs.best_epoch + 1, theirs.stopped_epoch + 1) == follow(losses, 3)
