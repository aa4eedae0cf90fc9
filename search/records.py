"""Frozen values that travel between the rooms of the house.

A record knows nothing of files, databases, Keras or Optuna. It is made once, checked when it is made, and
passed on unchanged; it pickles, so that it can travel to a worker.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float32]
    Numbers = Sequence[float] | npt.NDArray[np.floating[Any]]

Setting = float | int | str | tuple[int, ...]
"""What one name of a configuration may be set to; a tuple is a list of layer widths."""

Direction = Literal["minimize", "maximize"]
Task = Literal["binary", "multiclass", "regression"]

BASELINE_TRIAL = 0
"""The number of the trial that has everything off."""


class Configuration(Mapping[str, Setting]):
    """What was chosen: technique or setting name to value. A technique that is off is absent.

    Immutable, hashable and ordered by name, so that equal choices are equal objects and print alike.
    """

    __slots__ = ("_settings",)

    def __init__(self, settings: Mapping[str, Setting | list[int]] | None = None) -> None:
        pairs = sorted((settings or {}).items())
        self._settings = {name: tuple(v) if isinstance(v, list) else v for name, v in pairs}

    def __getitem__(self, name: str) -> Setting:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __hash__(self) -> int:
        return hash(tuple(self._settings.items()))

    def __repr__(self) -> str:
        return f"Configuration({self._settings!r})"

    def to_json(self) -> str:
        """The configuration as one line of JSON; `from_json` gives the same configuration back."""
        return json.dumps(self._settings, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """The configuration that `to_json` wrote."""
        return cls(json.loads(text))


@dataclass(frozen=True)
class EngineChoice:
    """The engine that trains an architecture.

    Args:
        name: As in `[training] engine`, never "auto".
        reason: Why it was chosen, for the record.
    """

    name: str
    reason: str = "as asked"


@dataclass(frozen=True)
class Run:
    """One training to be done: one configuration, one fold, one seed.

    Args:
        trial: Number of the trial that the run belongs to.
        fold: Index of the fold, from 0; with repeated k-fold it counts through the repeats.
        repeat: Index of the seed within the fold, from 0.
        seed: Seed of initial weights, shuffling and noise, in [0, 2**31). It depends on the study's seed,
            `fold` and `repeat` only, so that configurations are compared on equal terms.
        configuration: The effective configuration to train.
        engine: The engine that trains it; None leaves the choice to the worker.
    """

    trial: int
    fold: int
    repeat: int
    seed: int
    configuration: Configuration
    engine: EngineChoice | None = None


_CURVE_LAYOUT = b"RSC1"
_CURVE_HEADER = struct.Struct("<4s4I")


class Curve:
    """What happened epoch by epoch, without penalties: read-only float32 arrays, shape (n_epochs,).

    Any numbers are taken and rounded to float32; NaN and infinities stay, and what is too large becomes infinite.
    Curves are equal when their values are, NaN equal to NaN; as arrays are, they are not hashable.

    A curve pickles as its packed bytes. Who sends it packs it, once; who receives it may store these very bytes,
    and unpacks them only to look at a value.

    Args:
        train_loss: Mean data loss over the epoch's batches, as the optimizer met them (dropout active).
        validation_loss: Data loss on the validation rows after the epoch.
        validation_metric: The study's metric on the validation rows after the epoch.
        stop_loss: Data loss on the stop rows after the epoch; empty when the run has no stop rows.
    Raises:
        ValueError: The lengths differ.
    """

    # NumPy is imported by those who look into a curve: a command that reads a few rows does without.
    __slots__ = ("_packed", "_values")
    _packed: bytes | None
    _values: tuple[Values, ...] | None

    def __init__(
        self,
        train_loss: Numbers = (),
        validation_loss: Numbers = (),
        validation_metric: Numbers = (),
        stop_loss: Numbers = (),
    ) -> None:
        import numpy as np

        with np.errstate(over="ignore"):
            values = tuple(
                np.array(part, np.float32) for part in (train_loss, validation_loss, validation_metric, stop_loss)
            )
        lengths = [len(part) for part in values]
        if len(set(lengths[:3])) != 1 or lengths[3] not in (0, lengths[0]):
            raise ValueError("expected curves of one length")
        for part in values:
            part.flags.writeable = False
        self._values, self._packed = values, None

    @property
    def train_loss(self) -> Values:
        """Mean data loss over the epoch's batches."""
        return self._unpacked()[0]

    @property
    def validation_loss(self) -> Values:
        """Data loss on the validation rows."""
        return self._unpacked()[1]

    @property
    def validation_metric(self) -> Values:
        """The study's metric on the validation rows."""
        return self._unpacked()[2]

    @property
    def stop_loss(self) -> Values:
        """Data loss on the stop rows; empty without stop rows."""
        return self._unpacked()[3]

    @property
    def n_epochs(self) -> int:
        """Number of epochs that the curve tells of."""
        return len(self.train_loss)

    def until(self, epoch: int) -> Curve:
        """The curve of the first epochs, up to and with `epoch`, counted from 1."""
        return Curve(*(part[:epoch] for part in self._unpacked()))

    def to_bytes(self) -> bytes:
        """The curve packed; `from_bytes` gives the same curve back.

        Layout: `b"RSC1"`; four little-endian uint32, the lengths of train_loss, validation_loss, validation_metric
        and stop_loss; then one zlib stream with the four one after the other as little-endian float32.
        """
        import numpy as np

        if self._packed is None:
            values = self._unpacked()
            numbers = np.concatenate(values).astype("<f4", copy=False)
            # Level 1: noise hardly compresses, so a higher level costs time and gains nothing.
            stream = zlib.compress(numbers.tobytes(), 1)
            self._packed = _CURVE_HEADER.pack(_CURVE_LAYOUT, *map(len, values)) + stream
        return self._packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> Curve:
        """The curve that `to_bytes` packed.

        Raises:
            ValueError: The bytes are not a curve of this layout.
        """
        curve = cls.__new__(cls)
        curve.__setstate__(packed)
        curve._unpacked()
        return curve

    def _unpacked(self) -> tuple[Values, ...]:
        if self._values is None:
            self._values = _unpack_curve(self._packed or b"")
        return self._values

    def __getstate__(self) -> bytes:
        return self.to_bytes()

    def __setstate__(self, packed: bytes) -> None:
        self._packed, self._values = packed, None

    def __eq__(self, other: object) -> bool:
        import numpy as np

        if not isinstance(other, Curve):
            return NotImplemented
        pairs = zip(self._unpacked(), other._unpacked(), strict=True)
        return all(np.array_equal(mine, theirs, equal_nan=True) for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]  # how Python spells it

    def __repr__(self) -> str:
        train, validation, metric, stop = self._unpacked()
        return f"Curve(train_loss={train}, validation_loss={validation}, validation_metric={metric}, stop_loss={stop})"


def _unpack_curve(packed: bytes) -> tuple[Values, ...]:
    import numpy as np

    try:
        layout, *lengths = _CURVE_HEADER.unpack_from(packed)
        plain = zlib.decompress(memoryview(packed)[_CURVE_HEADER.size :])
    except (struct.error, zlib.error) as error:
        raise ValueError(f"expected a packed curve, received {len(packed)} other bytes") from error
    if layout != _CURVE_LAYOUT or len(plain) != np.dtype(np.float32).itemsize * sum(lengths):
        raise ValueError(f"expected a packed curve of layout {_CURVE_LAYOUT!r}, received {layout!r}")
    numbers = np.frombuffer(plain, "<f4").astype(np.float32, copy=False)
    numbers.flags.writeable = False
    return tuple(np.split(numbers, np.cumsum(lengths)[:-1]))


@dataclass(frozen=True)
class RunReport:
    """What a run that is still going has to tell.

    Args:
        run: The run.
        first_epoch: The epoch, from 1, of the first value.
        validation_metric: The study's metric on the validation rows, epoch by epoch.
    """

    run: Run
    first_epoch: int
    validation_metric: tuple[float, ...]

    @property
    def epoch(self) -> int:
        """The last epoch that it tells of."""
        return self.first_epoch + len(self.validation_metric) - 1


@dataclass(frozen=True)
class RunResult:
    """What a worker found in one run.

    Args:
        run: The run that was asked for.
        score: The study's metric on validation rows, penalty-free; None when the run failed.
        error: Why the run failed (`diverged at epoch 3`); None when it did not.
        penalty: Sum of the penalties on weights, at the weights that were kept; 0 when there are none.
        epochs_trained: Epochs begun and finished.
        best_epoch: The epoch, from 1, whose weights were kept: the last one without early stopping.
        curve: Losses and metric per epoch.
        weight_norms: Layer name to the L2 norm of its kernel at the weights kept.
        zero_shares: Hidden layer to the share of its outputs on the validation rows that are exactly 0, at the weights
            kept; empty unless the study searches a penalty on activations.
        seconds: Wall time of the run on its worker.
        engine: The engine that trained and why, as in `fit`.
        worker: Where it was trained: `host:pid`.
    """

    run: Run
    score: float | None
    error: str | None = None
    penalty: float = 0.0
    epochs_trained: int = 0
    best_epoch: int = 0
    curve: Curve = field(default_factory=Curve)
    weight_norms: Mapping[str, float] = field(default_factory=dict)
    zero_shares: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    engine: str = ""
    worker: str = ""

    def __post_init__(self) -> None:
        if (self.score is None) == (self.error is None):
            raise ValueError(f"expected a score or an error, received {self.score!r} and {self.error!r}")
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"expected a finite score, received {self.score!r}")


class TrialState(enum.Enum):
    """Optuna's states of a trial, under Optuna's names."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"
    WAITING = "WAITING"

    @property
    def is_final(self) -> bool:
        """Whether a trial in this state has its outcome."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Parameter:
    """One sampled parameter of a trial as Optuna stores it.

    Args:
        name: The name in [space].
        internal: Optuna's internal representation (a categorical's index, a number otherwise).
        distribution: Optuna's JSON of the distribution.
    """

    name: str
    internal: float
    distribution: str


@dataclass(frozen=True)
class Trial:
    """One trial as the storage holds it.

    Args:
        number: Trial number within the study, from 0.
        state: Optuna's state.
        configuration: The effective configuration.
        score: Mean score over the trial's runs; None unless complete.
        error: Why the trial failed, else None.
        parameters: The sampled parameters, from which the sampler's history can be rebuilt.
        started: When it was asked, UTC, naive.
        completed: When it was told, UTC, naive; None while it runs.
    """

    number: int
    state: TrialState
    configuration: Configuration
    score: float | None = None
    error: str | None = None
    parameters: tuple[Parameter, ...] = ()
    started: dt.datetime | None = None
    completed: dt.datetime | None = None


@dataclass(frozen=True)
class RunSummary:
    """What the storage tells of one finished run, without its curve."""

    trial: int
    fold: int
    repeat: int
    seed: int
    score: float | None
    error: str | None
    penalty: float
    epochs_trained: int
    best_epoch: int
    weight_norms: Mapping[str, float]
    zero_shares: Mapping[str, float]
    seconds: float
    engine: str
    worker: str


@dataclass(frozen=True)
class Coordinator:
    """Who holds a study: the process that asks, tells and writes."""

    host: str
    pid: int
    since: dt.datetime


@dataclass(frozen=True)
class StudyRecord:
    """A study as the storage holds it.

    Args:
        name: Name of the study, unique in its storage.
        study_id: Optuna's key of the study.
        direction: Whether a low or a high score is good.
        metric: Name of the score.
        spec: The resolved study file, as JSON-ready values.
        data_sha256: Fingerprint of the data, in hexadecimal.
        facts: What the data is like, JSON-ready: `task`, `classes`, `input_shape` (of one encoded row), `n_targets`,
            `inputs` (what each input of an encoded table is), `scaled_bytes` and `rows` by use.
        created: UTC, naive.
        n_trials: The total that the latest `run` asked for.
        stop_requested: Whether `regsearch stop` asked the coordinator to drain.
    """

    name: str
    study_id: int
    direction: Direction
    metric: str
    spec: Mapping[str, Any]
    data_sha256: str
    facts: Mapping[str, Any]
    created: dt.datetime
    n_trials: int
    stop_requested: bool = False
