"""How many inputs the columns of a table make, against how many a model takes."""

from __future__ import annotations

import numpy as np

from search.data import Dataset, fit_encoder, is_table
from search.errors import Problem, StudyFileError
from search.models import SavedModel, UnbuiltModelError

_MOST_COLUMNS = 12  # that are named one by one

OF_A_STUDY = "or change data.drop, data.missing, data.min_frequency or data.target_encode"
"""What to do about another number of inputs, where there is a study file."""


def check_inputs(dataset: Dataset, saved: SavedModel | None, place: str, otherwise: str = OF_A_STUDY) -> None:
    """Refuse a model that takes another number of inputs than the columns of a table make.

    Args:
        dataset: The rows that are not sealed.
        saved: The user's model; None for a family's.
        place: Where it is named, for errors.
        otherwise: What may be done beside changing the model, as the end of a sentence.

    Raises:
        StudyFileError: It does; the message names the columns.
    """
    if saved is None or saved.texts or not is_table(dataset.features) or len(saved.inputs) != 1:
        return
    wanted, sizes = saved.input_shape, _sizes(dataset)
    n_inputs = sum(sizes.values())
    if len(wanted) != 1 or wanted[0] in (None, n_inputs):
        return
    message = f"expected rows of {wanted[0]} inputs, which the model takes, received rows of {_in_words(sizes)}"
    raise StudyFileError(Problem(place, message, f"Begin it with keras.Input(({n_inputs},)), {otherwise}."))


def told_shape(error: UnbuiltModelError, dataset: Dataset, shape: tuple[int, ...]) -> StudyFileError:
    """An error of a model that was not built, with the shape that its rows have.

    Args:
        error: The error.
        dataset: The rows that are not sealed.
        shape: The shape of one of them as a model is given it.
    """
    made = f": the columns make {_in_words(_sizes(dataset))}" if is_table(dataset.features) else ""
    remedy = f"Begin it with keras.Input({shape}), then save it{made}."
    return StudyFileError([Problem(problem.place, problem.message, remedy) for problem in error.problems])


def _sizes(dataset: Dataset) -> dict[str, int]:
    """The columns of a table, each with how many inputs it makes."""
    encoder = fit_encoder(dataset, np.arange(len(dataset)))
    sizes = dict.fromkeys(map(str, dataset.features.columns), 0) if is_table(dataset.features) else {}
    for block in encoder.blocks or ():
        for name, size in zip(block.names, block.sizes, strict=True):
            sizes[str(name)] += size
    return sizes


def _in_words(sizes: dict[str, int]) -> str:
    """`17 inputs: age (1), color (3) and 4 more columns (13)`."""
    shown, others = list(sizes.items())[:_MOST_COLUMNS], list(sizes.values())[_MOST_COLUMNS:]
    named = ", ".join(f"{name} ({size})" for name, size in shown)
    named += f" and {len(others)} more columns ({sum(others)})" if others else ""
    return f"{sum(sizes.values())} inputs: {named}"
