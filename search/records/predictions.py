"""What a run's model says of the rows that score it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.floating[Any]]
    Parts = tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]

_LAYOUT = b"RSP1"
_HEADER = struct.Struct("<4s4x2I")  # 16 bytes, so that the numbers behind it are aligned


class Predictions:
    """What a run's model says of the rows that score it, at the weights kept: probabilities of classes, or numbers in
    the target's own unit.

    Numbers in float32 stay what they are. Others are kept as float32 differences from the mean of their output, so that
    those far off zero lose nothing that the score was computed from: a target near 10,000,000 that varies by 1 would
    have no digit left in float32. What is too large becomes infinite; NaN and infinities stay.
    Predictions are equal when their values are, NaN equal to NaN; as arrays are, they are not hashable.

    Predictions pickle as their packed bytes, as a `Curve` does.

    Args:
        values: Shape (rows, outputs).
    Raises:
        ValueError: The values have another number of dimensions.
    """

    # NumPy is imported by those who look at a value, as for curves.
    __slots__ = ("_packed", "_parts")
    _packed: bytes | None
    _parts: Parts | None

    def __init__(self, values: npt.ArrayLike) -> None:
        import numpy as np

        given = np.asarray(values)
        if given.ndim != 2:
            raise ValueError(f"expected predictions of shape (rows, outputs), received shape {given.shape}")
        self._packed, self._parts = None, _parted(given)

    @property
    def values(self) -> Values:
        """Shape (rows, outputs), read-only; float32, or float64 where that was given."""
        centres, differences = self._unpacked()
        if not centres.any():
            return differences
        values = centres + differences
        values.flags.writeable = False
        return values

    @property
    def n_bytes(self) -> int:
        """What they take packed, in bytes: it depends on the numbers of rows and outputs alone."""
        return len(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The predictions packed; `from_bytes` gives the same ones back.

        Layout: `b"RSP1"`; four bytes that are 0; two little-endian uint32, the numbers of rows and outputs; for each
        output what was taken off its values, little-endian float64; then the values row by row, little-endian float32.
        Nothing is compressed: the digits of a trained model's output are noise.
        """
        if self._packed is None:
            centres, differences = self._unpacked()
            header = _HEADER.pack(_LAYOUT, *differences.shape)
            self._packed = header + centres.astype("<f8").tobytes() + differences.astype("<f4").tobytes()
        return self._packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> Predictions:
        """The predictions that `to_bytes` packed.

        Raises:
            ValueError: The bytes are not predictions of this layout.
        """
        predictions = cls.__new__(cls)
        predictions.__setstate__(packed)
        predictions._unpacked()
        return predictions

    def _unpacked(self) -> Parts:
        if self._parts is None:
            self._parts = _unpack(self._packed or b"")
        return self._parts

    def __getstate__(self) -> bytes:
        return self.to_bytes()

    def __setstate__(self, packed: bytes) -> None:
        self._packed, self._parts = packed, None

    def __eq__(self, other: object) -> bool:
        import numpy as np

        if not isinstance(other, Predictions):
            return NotImplemented
        return np.array_equal(self.values, other.values, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]  # how Python spells it

    def __repr__(self) -> str:
        return f"Predictions({self.values})"


def _parted(values: npt.NDArray[Any]) -> Parts:
    """What is taken off each output, shape (outputs,), and what is left, shape (rows, outputs)."""
    import numpy as np

    centres = np.zeros(values.shape[1])
    if values.dtype == np.float32:
        differences = np.array(values, np.float32)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            means = values.mean(axis=0, dtype=np.float64) if len(values) else centres
            centres = np.where(np.isfinite(means), means, 0.0)
            differences = (values - centres).astype(np.float32)
    differences.flags.writeable = False
    return centres, differences


def _unpack(packed: bytes) -> Parts:
    import numpy as np

    try:
        layout, n_rows, n_outputs = _HEADER.unpack_from(packed)
    except struct.error as error:
        raise ValueError(f"expected packed predictions, received {len(packed)} other bytes") from error
    if layout != _LAYOUT:
        raise ValueError(f"expected packed predictions of layout {_LAYOUT!r}, received {layout!r}")
    if len(packed) != _HEADER.size + 8 * n_outputs + 4 * n_rows * n_outputs:
        wanted = f"layout {_LAYOUT!r} with {n_rows} rows and {n_outputs} outputs"
        raise ValueError(f"expected packed predictions of {wanted}, received {len(packed)} bytes")
    centres = np.frombuffer(packed, "<f8", n_outputs, _HEADER.size).astype(np.float64, copy=False)
    numbers = np.frombuffer(packed, "<f4", offset=_HEADER.size + 8 * n_outputs).astype(np.float32, copy=False)
    numbers.flags.writeable = False
    return centres, numbers.reshape(n_rows, n_outputs)
