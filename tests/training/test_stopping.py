import math

import pytest

from search.training.stopping import BestEpoch, Stopping


def follow(losses, stopping):
    """The best epoch, and the epoch after which training ends; None when it does not."""
    best = BestEpoch(stopping)
    for epoch, loss in enumerate(losses, start=1):
        best.observe(epoch, loss)
        if best.exhausted:
            return best.epoch, epoch
    return best.epoch, None


@pytest.mark.parametrize(
    ("losses", "stopping", "expected"),
    [
        ([3, 2, 1], Stopping(1), (3, None)),
        ([3, 2, 2, 1], Stopping(1), (2, 3)),  # no change is no improvement
        ([3, 2, 5, 1, 4, 4, 4], Stopping(3), (4, 7)),
        ([1, 2, 3, 4], Stopping(3), (1, 4)),
        ([1, 2, 3], Stopping(3), (1, None)),
        ([math.nan, 3, 2, 5, 5], Stopping(2), (3, 5)),
        ([math.nan, math.nan], Stopping(2), (0, 2)),
        ([3, 2.75, 2.5, 2.25], Stopping(2, minimum_delta=0.5), (1, 3)),  # less by just as much is no improvement
        ([3, 2.75, 2.25, 2], Stopping(2, minimum_delta=0.5), (3, None)),
        ([1, 5, 4, 6, 7], Stopping(2, start_epoch=2), (3, 5)),  # what came before is forgotten
        ([1, 5, 4], Stopping(1, start_epoch=9), (3, None)),
    ],
)
def test_ends_when_patience_is_exhausted_and_remembers_the_best_epoch(losses, stopping, expected):
    assert follow(losses, stopping) == expected


@pytest.mark.parametrize(
    "stopping",
    [
        Stopping(3),
        Stopping(2, minimum_delta=0.15),
        Stopping(1, start_epoch=3),
        Stopping(3, 0.3, 4),
        Stopping(2, 0.0, 8),
    ],
)
def test_counts_as_keras_does(keras, stopping):
    losses = [5.0, 4.0, 4.5, 3.9, 4.1, 4.2, 3.8, 4.0, 4.0, 3.6, 4.0, 4.0, 4.0]
    theirs = keras.callbacks.EarlyStopping(
        monitor="val_loss",
        patience=stopping.patience,
        min_delta=stopping.minimum_delta,
        start_from_epoch=stopping.start_epoch,
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    theirs.set_model(model)
    model.stop_training = False
    model.optimizer = None
    theirs.on_train_begin()
    for index, loss in enumerate(losses):
        theirs.on_epoch_end(index, {"val_loss": loss})
        if model.stop_training:
            break
    assert model.stop_training
    assert (theirs.best_epoch + 1, theirs.stopped_epoch + 1) == follow(losses, stopping)
