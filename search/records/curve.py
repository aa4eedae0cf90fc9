"""The curve of a run: losses and metric, epoch by epoch."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float32]
    Numbers = Sequence[float] | npt.NDArray[np.floating[Any]]

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
