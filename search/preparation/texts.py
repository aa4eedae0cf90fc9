"""Rows of text become the numbers that the user's model makes of them, each different text once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import (
    ONLY_INPUT,
    Dataset,
    NamedArrays,
    call_text_layers,
    code_texts,
    is_text,
    join_inputs,
    split_inputs,
)
from search.errors import Problem, StudyFileError
from search.models import SavedModel, TextInput, sized_texts

Array = npt.NDArray[Any]

_MOST_BYTES = 4 * 2**30


def with_numbers_of_texts(
    dataset: Dataset, saved: SavedModel | None, folder: Path, place: str, timeout_seconds: float
) -> tuple[Dataset, SavedModel | None]:
    """Rows and model without text; both as they are where there is none.

    Args:
        dataset: Rows, with text as their source has it.
        saved: The user's model; None for a family's.
        folder: The folder to which the study's paths are relative.
        place: Where the model is named, for errors.
        timeout_seconds: How long the layers may take.

    Raises:
        StudyFileError: The model takes no such text, or its layers make nothing of it.
    """
    if saved is None:
        return dataset, saved
    if saved.texts and not dataset.texts:
        dataset = _with_text_of_column(dataset, saved, place)
    texts = dict(dataset.texts)
    if len(saved.inputs) == 1 and len(texts) == 1:
        texts = {saved.inputs[0][0]: next(iter(texts.values()))}
    wanted = [text.name for text in saved.texts]
    if sorted(wanted) != sorted(texts):
        message = f"expected text for {_in_words(wanted)}, which the model takes, received {_in_words(list(texts))}"
        remedy = (
            "" if wanted else 'A model of text begins with keras.Input((1,), dtype="string") and TextVectorization.'
        )
        raise StudyFileError(Problem(place, message, remedy))
    features = dataset.features
    if not wanted or not isinstance(features, np.ndarray):
        return dataset, saved
    parts = split_inputs(features, dataset.inputs) if dataset.inputs else {wanted[0]: features}
    known = tuple(dataclasses.replace(text, shape=tuple(parts[text.name].shape[1:])) for text in saved.texts)
    unique = {text.name: _different(parts[text.name], texts[text.name]) for text in known}
    made = call_text_layers(
        saved.origin,
        [(text.layer, unique[text.name][0]) for text in known],
        saved.custom,
        folder,
        place,
        timeout_seconds,
    )
    for text, numbers in zip(known, made, strict=True):
        _check_size(text, numbers, len(dataset), place)
        parts[text.name] = numbers[unique[text.name][1]]
    features, inputs = join_inputs(NamedArrays(parts), place) if dataset.inputs else (parts[wanted[0]], ())
    shapes = {text.name: parts[text.name].shape[1:] for text in known}
    notes = [
        f"{text.layer} has no output_sequence_length: texts are filled up to the {shapes[text.name][-1]} tokens of the "
        "longest, and longer ones that the exported model is given are cut there."
        for text in known
        if text.is_open
    ]
    changed = dataclasses.replace(
        dataset,
        features=features,
        inputs=inputs,
        texts=(),
        from_text=tuple(wanted),
        notes=(*dataset.notes, *notes),
    )
    return changed, sized_texts(saved, known, shapes)


def _with_text_of_column(dataset: Dataset, saved: SavedModel, place: str) -> Dataset:
    """A table of one column of text as rows of text, which a model of one input takes."""
    features = dataset.features
    if isinstance(features, np.ndarray) or len(saved.inputs) > 1:
        return dataset
    if features.shape[1] != 1 or not is_text(features.iloc[:, 0]):
        message = f"expected one column of text, which the model takes, received {features.shape[1]} columns"
        remedy = 'Name it: data.columns = ["COLUMN"]; or each input\'s columns in data.inputs.'
        raise StudyFileError(Problem(place, message, remedy))
    column = np.array([cell if isinstance(cell, str) else "" for cell in features.iloc[:, 0]])
    coded, texts = code_texts(NamedArrays({ONLY_INPUT: column}))
    numbers = np.asarray(coded.arrays[ONLY_INPUT], np.float32)
    name = str(features.columns[0])
    return dataclasses.replace(
        dataset,
        features=numbers,
        texts=tuple(texts.items()),
        made_of=((saved.inputs[0][0], (name,)),),
        standardize=False,
    )


def _different(codes: Array, vocabulary: Array) -> tuple[Array, Array]:
    """The different rows of an input as text, and which of them each row is."""
    rows, place = np.unique(codes.reshape(len(codes), math.prod(codes.shape[1:])), axis=0, return_inverse=True)
    return vocabulary[rows.astype(np.int64)].reshape(len(rows), *codes.shape[1:]), place.reshape(-1)


def _check_size(text: TextInput, numbers: Array, n_rows: int, place: str) -> None:
    n_bytes = n_rows * numbers[:1].nbytes
    if n_bytes > _MOST_BYTES:
        message = f"expected {text.layer} to make at most {_MOST_BYTES // 2**30} GiB of the rows"
        raise StudyFileError(Problem(place, f"{message}, received {n_bytes / 2**30:.0f} GiB", "Lower its max_tokens."))


def _in_words(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) or "no input"


def raw_shapes(saved: SavedModel | None, inputs: tuple[tuple[str, tuple[int, ...]], ...]) -> Mapping[str, Any]:
    """The shape of one row of each input as the exported model takes it."""
    shapes: dict[str, Any] = dict(inputs)
    return shapes if saved is None else shapes | {t.name: t.shape for t in saved.texts if t.name in shapes}
