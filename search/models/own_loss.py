"""A loss of the user's own, tried on a few rows before any run trains with it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from search.data import SourceFunction, try_code
from search.models.losses import Loss

_N_ROWS = 8


def check_own_loss(
    function: SourceFunction,
    loss: Loss,
    targets: npt.NDArray[np.float32],
    n_outputs: int,
    place: str,
    *,
    folder: str,
    timeout_seconds: float,
) -> None:
    """Call the function as training will, in a child process, for it may import anything.

    Args:
        function: What the study names.
        loss: The loss that it is, told what it is given of a target.
        targets: Some of the study's, as the loss takes them: shape (rows, ...).
        n_outputs: What the model predicts of a row.
        place: Where the function is named, for errors.
        folder: The folder to which the study's paths are relative.
        timeout_seconds: How long it may take; then the child is killed with all that it started.

    Raises:
        StudyFileError: There is no such function, it fails or takes too long, or what it returns is not one finite
            number a row that depends on what is predicted.
    """
    given = np.asarray(targets[:_N_ROWS], np.float32)
    request = {
        "kind": "loss",
        "file": function.file,
        "shown": function.file,
        "function": function.name,
        "text": function.text,
        "folder": folder,
        "targets": given,
        "predicted": _predictions(loss, given, n_outputs),
    }
    try_code(request, place, timeout_seconds, "a loss")


def _predictions(loss: Loss, targets: npt.NDArray[np.float32], n_outputs: int) -> npt.NDArray[np.float32]:
    """Such as an untrained model may make: logits, probabilities, or numbers like the targets."""
    made: npt.NDArray[np.float64] = np.random.default_rng(0).normal(size=(len(targets), n_outputs))
    if loss.link is None and loss.form == "one_hot":
        made = np.exp(made) / np.exp(made).sum(axis=1, keepdims=True)
    elif loss.link is None and np.isin(targets, (0, 1)).all():
        made = 1 / (1 + np.exp(-made))
    elif loss.link is None:
        made = targets.mean(axis=0) + targets.std(axis=0) * made
    return np.asarray(made, np.float32)
