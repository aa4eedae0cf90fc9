"""Curves as compact bytes.

Layout: `b"RSC1"`; four little-endian uint32, the lengths of train_loss, validation_loss, validation_metric
and stop_loss; then one zlib stream with the four curves one after the other as little-endian float32.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from itertools import islice

from search.records import Curve

_MAGIC = b"RSC1"
_HEADER = struct.Struct("<4s4I")
_WIDTH = 4


def encode_curve(curve: Curve) -> bytes:
    """Pack a curve. Values are rounded to float32; NaN and infinities stay; too large is infinite."""
    parts = (curve.train_loss, curve.validation_loss, curve.validation_metric, curve.stop_loss)
    numbers = array("f", [value for part in parts for value in part])
    if sys.byteorder == "big":
        numbers.byteswap()
    # Level 1: noise hardly compresses, so a higher level costs time and gains nothing.
    return _HEADER.pack(_MAGIC, *(len(part) for part in parts)) + zlib.compress(numbers.tobytes(), 1)


def decode_curve(packed: bytes) -> Curve:
    """Unpack what `encode_curve` packed.

    Raises:
        ValueError: The bytes are not a curve of this layout.
    """
    try:
        magic, *lengths = _HEADER.unpack_from(packed)
        plain = zlib.decompress(packed[_HEADER.size :])
    except (struct.error, zlib.error) as error:
        raise ValueError(f"expected a packed curve, received {len(packed)} other bytes") from error
    if magic != _MAGIC or len(plain) != _WIDTH * sum(lengths):
        raise ValueError(f"expected a packed curve of layout {_MAGIC!r}, received {magic!r}")
    numbers = array("f")
    numbers.frombytes(plain)
    if sys.byteorder == "big":
        numbers.byteswap()
    values = iter(numbers.tolist())
    train, validation, metric, stop = (tuple(islice(values, length)) for length in lengths)
    return Curve(train, validation, metric, stop)
