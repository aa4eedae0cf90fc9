"""What a table asks for: how its file is written, which columns name rows, hold dates, have many rare categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.data.columns import is_text
from search.data.dataset import Dataset
from search.data.date_formats import find_formats, has_short_years
from search.data.identifiers import find_identifiers
from search.data.sources.csv_file import find_writing
from search.data.sources.raw import SourceRequest
from search.data.stored_rows import is_table
from search.spec.sections import DataSection

_MANY_CATEGORIES = 20
_MIN_FREQUENCY = 10


def suit_file(section: DataSection, folder: Path, place: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Keys of [data] that a file asks for before it can be read.

    Args:
        section: The [data] table without them; nothing is said of other files than csv.
        folder: What its paths are relative to.
        place: Where the file was named, for errors.
    Returns:
        Key to value, and key to the reason in words.

    Raises:
        DataError: It is no CSV file.
    """
    return find_writing(SourceRequest(section, folder, place)) if section.source == "csv" else ({}, {})


def suit_columns(dataset: Dataset) -> tuple[dict[str, Any], dict[str, str]]:
    """Keys of [data] that suit the columns of a table as it was read without them.

    Args:
        dataset: The rows; nothing is said of arrays.
    Returns:
        Key to value, and key to the reason in words, where it is not plain.
    """
    features = dataset.features
    if not is_table(features):
        return {}, {}
    told: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    texts = [name for name in features.columns if is_text(features[name])]
    formats = {name: found for name in texts if (found := find_formats(features[name].dropna().tolist()))}
    if formats:
        told["dates"], reasons["dates"] = _dates(formats)
    identifiers = {name: why for name, why in find_identifiers(dataset).items() if name not in formats}
    if identifiers and len(identifiers) < features.shape[1]:
        told["drop"], reasons["drop"] = tuple(identifiers), "; ".join(identifiers.values())
    dropped = told.get("drop", ())
    if any(features[name].isna().any() for name in features.columns if name not in told.get("drop", ())):
        told["missing"] = "indicate"
    counts = {name: features[name].nunique() for name in texts if name not in formats and name not in dropped}
    many = {name: number for name, number in counts.items() if number > _MANY_CATEGORIES}
    if many:
        told["min_frequency"] = _MIN_FREQUENCY
        named = ", ".join(f"{number:,} in {name}" for name, number in many.items())
        reasons["min_frequency"] = (
            f"categories of fewer rows are one: there are {named}; target_encode = [...] would make a number of them"
        )
    return told, reasons


def _dates(formats: dict[str, list[str]]) -> tuple[Any, str]:
    """The value of `dates`, and why."""
    shown = "year, month, weekday and days since the first"
    short = [name for name, found in formats.items() if has_short_years(found[0])]
    if short:
        shown += f"; the years of {', '.join(short)} are taken for 1969 to 2068"
    if all(len(found) == 1 for found in formats.values()):
        return tuple(formats), shown
    doubtful = ", ".join(name for name, found in formats.items() if len(found) > 1)
    first = {name: found[0] for name, found in formats.items()}
    return first, f"{shown}; day and month of {doubtful} could be taken for each other: is the format right?"
