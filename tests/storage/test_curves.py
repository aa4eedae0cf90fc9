from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import Curve
from search.storage.curves import decode_curve, encode_curve

_NUMBERS = st.floats(width=32)


@st.composite
def _curves(draw: st.DrawFn) -> Curve:
    length = draw(st.integers(0, 20))
    parts = [tuple(draw(st.lists(_NUMBERS, min_size=length, max_size=length))) for _ in range(4)]
    return Curve(*parts[:3], stop_loss=parts[3] if draw(st.booleans()) else ())


@given(_curves())
def test_every_curve_comes_back_with_nan_and_infinities(curve: Curve) -> None:
    assert repr(decode_curve(encode_curve(curve))) == repr(curve)


def test_values_are_rounded_to_float32_and_too_large_ones_become_infinite() -> None:
    curve = decode_curve(encode_curve(Curve((0.1,), (1e300,), (-1e300,))))
    assert curve.train_loss == (pytest.approx(0.1, rel=1e-7),)
    assert curve.validation_loss == (math.inf,)
    assert curve.validation_metric == (-math.inf,)


def test_layout_is_the_documented_one() -> None:
    packed = encode_curve(Curve((1.0,), (2.0,), (3.0,)))
    assert packed[:20].hex(" ", 4) == "52534331 01000000 01000000 01000000 00000000"


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "expected a packed curve, received 0 other bytes"),
        (b"RSC1" + bytes(16) + b"no stream", "expected a packed curve, received 29 other bytes"),
        (
            b"XXXX" + encode_curve(Curve((1.0,), (2.0,), (3.0,)))[4:],
            "expected a packed curve of layout b'RSC1', received b'XXXX'",
        ),
    ],
)
def test_other_bytes_are_refused(packed: bytes, message: str) -> None:
    with pytest.raises(ValueError, match="expected a packed curve") as caught:
        decode_curve(packed)
    assert str(caught.value) == message
