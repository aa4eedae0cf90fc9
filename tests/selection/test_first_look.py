"""What is said of the first training of a baseline: curves of a known kind."""

import numpy as np
import pytest

from search.records import Curve
from search.selection.first_look import FirstLook

EPOCHS = np.arange(1, 101)
FALLING = 0.05 + 0.65 * np.exp(-EPOCHS / 10)
JUMPING = np.where(EPOCHS % 2, 0.4, 1.0)
OVERFITTED = 0.3 + 0.4 * np.exp(-EPOCHS / 10) + 0.004 * EPOCHS


def look(train, validation, constant=0.69, **told):
    curve = Curve(train, validation, validation)
    return FirstLook(curve, len(EPOCHS), 0.01, constant, **told)


CASES = {
    "overfits": (FALLING, OVERFITTED, ["It overfits: after 100 epochs the loss is 0.05003 on the rows that train"]),
    "gap": (FALLING, 0.3 + FALLING, ["It fits the rows that train better than others"]),
    "nothing": (0.3 + FALLING, 0.31 + FALLING, ["There is little to regularize"]),
    "undertrained": (
        0.69 - 0.002 * EPOCHS,
        0.69 - 0.002 * EPOCHS,
        ["It is not trained to its end: in the last tenth of 100 epochs the training loss still fell by 11%"],
    ),
    "not learned": (np.full(100, 0.689), np.full(100, 0.70), ["Nothing is learned: the training loss is 0.689 after"]),
    "jumps": (0.6 * JUMPING, np.full(100, 0.5), ["The training loss jumps up and down: by"]),
    "jumps and overfits": (0.6 * JUMPING, OVERFITTED, ["The training loss jumps", "It overfits"]),
    "exploded": (np.full(100, 20.0) * FALLING + 5, np.full(100, 90.0), ["The training loss was as high as"]),
}


@pytest.mark.parametrize(("train", "validation", "beginnings"), CASES.values(), ids=CASES)
def test_findings_name_what_is_at_fault(train, validation, beginnings):
    findings = look(train, validation).findings
    assert len(findings) == len(beginnings)
    for finding, beginning in zip(findings, beginnings, strict=True):
        assert finding.startswith(beginning)


def test_a_rising_validation_loss_is_found_where_it_was_lowest():
    (finding,) = look(FALLING, OVERFITTED).findings
    assert f"after epoch {OVERFITTED.argmin() + 1}." in finding


def test_divergence_says_which_rate_to_try():
    (finding,) = look(FALLING[:3], FALLING[:3], diverged_epoch=4).findings
    assert finding == "The loss is not finite from epoch 4 on: the learning rate, 0.01, is too large. Try 0.001."


def test_few_epochs_tell_nothing():
    assert look(FALLING[:9], FALLING[:9]).findings == ("9 epochs are too few to tell a trend.",)


def test_without_a_constant_guess_nothing_is_compared_with_it():
    assert look(np.full(100, 0.689), np.full(100, 0.69), constant=None).findings[0].startswith("There is little")


def test_training_that_ran_out_of_time_is_to_have_the_epochs_that_are_asked_for():
    train = 0.69 - 0.002 * EPOCHS
    (finding,) = look(train, train, stopped=True).findings
    assert "Train for the 100 that are asked for epochs" not in finding
    assert "the 100 epochs that are asked for" in finding
