"""What a study's data is like, as the storage keeps it: a document with a version."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from search.records.configuration import technique_of

Task = Literal["binary", "multiclass", "regression"]

FACTS_VERSION = 7
"""The version of the documents that are written now. Version 1 knew neither itself nor `*_rows` of every fold."""

_SINCE = {
    3: frozenset({"constant_losses", "own_regularization"}),
    4: frozenset({"own_names", "loss_sha256", "metric_sha256"}),
    5: frozenset({"named_inputs"}),
    6: frozenset({"callbacks_sha256"}),
    7: frozenset({"named_outputs"}),
}
"""Version to the fields that came with it."""


@dataclass(frozen=True)
class RowCounts:
    """Rows by use, of the first fold.

    Args:
        train: Rows that train and are not watched by early stopping.
        stop: Rows that early stopping watches; a run without it trains on them too.
        validation: Rows that score.
        test: Rows that are sealed.
    """

    train: int = 0
    stop: int = 0
    validation: int = 0
    test: int = 0


@dataclass(frozen=True)
class StudyFacts:
    """What a study's data is like.

    Args:
        task: What is to be predicted.
        classes: The label of each class index; empty for a regression.
        input_shape: Shape of one encoded row.
        inputs: What each input of an encoded table is, in their order; empty for arrays.
        named_inputs: Name of each of several inputs, and the shape of one row of it, in the order in which they stand
            beside one another; empty where there is but one. Empty before version 5.
        named_outputs: Name of each of several outputs, the study's first, how many classes or numbers it predicts, and
            its task; empty where there is but one. Empty before version 7.
        n_targets: Targets of a row: 1 for a classification.
        rows: Rows by use, of the first fold.
        scaled_bytes: Whether the features were bytes and were divided by 255.
        constant_scores: What it scores to predict the same for every validation row, fold by fold; empty where that
            was not stored.
        constant_losses: The loss, on the rows that train, of the best guess that is the same for each, fold by fold;
            empty where that was not stored, and where the study trains with another loss than its task's own, or weighs
            classes.
        training_rows: Rows that train, fold by fold, the stop rows that do not score among them: a run without early
            stopping trains on all of these. Empty in version 1.
        validation_rows: Rows that score, fold by fold. Empty in version 1.
        own_regularization: What the user's model brings of its own, a phrase a kind: `dropout 0.5`; the baseline has
            it. Empty before version 3.
        own_names: Names in [space] whose "off" leaves something that the model brings. Empty before version 4.
        model_sha256: Fingerprint of the user's own model, in hexadecimal; None for a model of a family.
        loss_sha256: Fingerprint of the file with the user's own loss, in hexadecimal; None for a loss of Keras.
        metric_sha256: Fingerprint of the file of the user's own metric, in hexadecimal; None for another metric.
        callbacks_sha256: Fingerprint of the files with the user's own callbacks, in hexadecimal; None without any.
        folder: The folder to which the study's paths are relative; None where that was not stored.
        version: The version of the document that this was read from.
    Raises:
        ValueError: The version is not one that we know.
    """

    task: Task
    classes: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()
    inputs: tuple[str, ...] = ()
    named_inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    named_outputs: tuple[tuple[str, int, Task], ...] = ()
    n_targets: int = 1
    rows: RowCounts = RowCounts()
    scaled_bytes: bool = False
    constant_scores: tuple[float, ...] = ()
    constant_losses: tuple[float, ...] = ()
    training_rows: tuple[int, ...] = ()
    validation_rows: tuple[int, ...] = ()
    own_regularization: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    model_sha256: str | None = None
    loss_sha256: str | None = None
    metric_sha256: str | None = None
    callbacks_sha256: str | None = None
    folder: str | None = None
    version: int = FACTS_VERSION

    def __post_init__(self) -> None:
        if self.version not in range(1, FACTS_VERSION + 1):
            raise ValueError(f"expected facts of version 1 to {FACTS_VERSION}, received version {self.version!r}")

    @property
    def baseline_in_words(self) -> str:
        """What trial 0 is, with every technique of [space] off."""
        if self.own_regularization:
            return f"the model as given: {'; '.join(self.own_regularization)}"
        return "no regularization at all"

    def absent_in_words(self, name: str) -> str:
        """What a name of [space] means where a configuration is without it."""
        return "as given" if name in self.own_names or technique_of(name) is None else "off"

    @property
    def n_outputs(self) -> int:
        """Number of classes, or of targets for a regression."""
        return len(self.classes) or self.n_targets

    def to_json(self) -> dict[str, Any]:
        """The facts as JSON-ready values; `from_json` gives the same facts back."""
        document = dataclasses.asdict(self)
        known = _names_in(self.version, set(document))
        return {n: list(value) if isinstance(value, tuple) else value for n, value in document.items() if n in known}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StudyFacts:
        """The facts that `to_json` wrote, in this version of the document or an earlier one.

        Raises:
            ValueError: The document is of a version that we do not know, or is not as its version says.
        """
        version, names = document.get("version", 1), {field.name for field in dataclasses.fields(cls)}
        if version == 1:
            # It had no version, so that programs of its time added and left out what they liked.
            document = {name: value for name, value in document.items() if name in names} | {"version": 1}
            if "task" not in document:
                raise ValueError("expected facts with a task, received none")
        elif version not in range(2, FACTS_VERSION + 1):
            raise ValueError(f"expected facts of version 1 to {FACTS_VERSION}, received version {version!r}")
        elif other := sorted(_names_in(version, names) ^ set(document)):
            raise ValueError(f"expected facts as of version {version}, received others in {', '.join(other)}")
        return cls(**{name: _typed(name, value) for name, value in document.items()})


def _names_in(version: int, names: set[str]) -> set[str]:
    """Those of all names that a document of a version has."""
    return names.difference(*(fields for since, fields in _SINCE.items() if since > version))


def _typed(name: str, value: Any) -> Any:
    """A value of a document as the record holds it."""
    if name == "rows":
        return RowCounts(**{field.name: value.get(field.name, 0) for field in dataclasses.fields(RowCounts)})
    if name == "named_inputs":
        return tuple((key, tuple(shape)) for key, shape in value)
    if name == "named_outputs":
        return tuple(map(tuple, value))
    return tuple(value) if isinstance(value, list) else value
