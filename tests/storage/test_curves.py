from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import Curve

_NUMBERS = st.floats(width=32)


@st.composite
def _curves(draw: st.DrawFn) -> Curve:
    length = draw(st.integers(0, 20))
    parts = [draw(st.lists(_NUMBERS, min_size=length, max_size=length)) for _ in range(4)]
    return Curve(*parts[:3], stop_loss=parts[3] if draw(st.booleans()) else ())


def _parts(curve: Curve) -> list[list[float]]:
    return [part.tolist() for part in (curve.train_loss, curve.validation_loss, curve.validation_metric,
                                       curve.stop_loss)]  # fmt: skip


@given(_curves())
def test_every_curve_comes_back_with_nan_and_infinities(curve: Curve) -> None:
    for back in (Curve.from_bytes(curve.to_bytes()), pickle.loads(pickle.dumps(curve))):
        assert back == curve
        assert repr(_parts(back)) == repr(_parts(curve))


@given(_curves(), st.integers(0, 25))
def test_until_keeps_the_first_epochs(curve: Curve, epoch: int) -> None:
    head = curve.until(epoch)
    assert head.n_epochs == min(epoch, curve.n_epochs)
    assert repr(_parts(head)) == repr([part[:epoch] for part in _parts(curve)])


def test_values_are_rounded_to_float32_and_too_large_ones_become_infinite() -> None:
    curve = Curve((0.1,), [1e300], np.array([-1e300]))
    assert curve.train_loss.dtype == np.float32
    assert _parts(curve) == [[pytest.approx(0.1, rel=1e-7)], [math.inf], [-math.inf], []]


def test_a_curve_cannot_be_changed_by_who_made_it_or_who_reads_it() -> None:
    given = np.ones(2, np.float32)
    curve = Curve(given, given, given)
    given[0] = 5.0
    assert _parts(curve)[0] == [1.0, 1.0]
    for read in (curve, curve.until(1), pickle.loads(pickle.dumps(curve))):
        with pytest.raises(ValueError, match="read-only"):
            read.train_loss[0] = 5.0


def test_curves_are_equal_by_value_and_not_hashable() -> None:
    curve = Curve((1.0, math.nan), (1.0, 2.0), (1.0, 2.0))
    assert curve == Curve((1.0, math.nan), (1.0, 2.0), (1.0, 2.0))
    assert curve != Curve((1.0, math.nan), (1.0, 2.0), (1.0, 2.5))
    assert curve != Curve((1.0, math.nan), (1.0, 2.0), (1.0, 2.0), (1.0, 2.0))
    assert curve != "a curve"
    with pytest.raises(TypeError, match="unhashable type: 'Curve'"):
        hash(curve)
    assert repr(curve) == (
        "Curve(train_loss=[ 1. nan], validation_loss=[1. 2.], validation_metric=[1. 2.], stop_loss=[])"
    )


@pytest.mark.parametrize(
    "parts", [((1.0,), (), ()), ((1.0,), (1.0,), (1.0, 2.0)), ((1.0, 2.0), (1.0, 2.0), (1.0, 2.0), (1.0,))]
)
def test_curves_of_several_lengths_are_refused(parts: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"^expected curves of one length$"):
        Curve(*parts)


def test_what_was_packed_once_is_neither_unpacked_nor_packed_again_to_pass_it_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curve = Curve((1.0,), (2.0,), (3.0,))
    sent, packed = pickle.dumps(curve), curve.to_bytes()
    received = pickle.loads(sent)
    with monkeypatch.context() as patched:
        for function in ("compress", "decompress"):
            patched.setattr(f"search.records.curve.zlib.{function}", _never)
        assert received.to_bytes() == packed
        assert pickle.dumps(received) == sent
    assert received == curve


def _never(*_: object) -> None:
    raise AssertionError("expected no call")


def test_layout_is_the_documented_one() -> None:
    packed = Curve((1.0,), (2.0,), (3.0,)).to_bytes()
    assert packed[:20].hex(" ", 4) == "52534331 01000000 01000000 01000000 00000000"


def test_bytes_of_an_earlier_version_are_read() -> None:
    packed = bytes.fromhex(
        "52534331 02000000 02000000 02000000 00000000 780163600081067b20e1004440dc00c40b1c001b070320"
    )
    assert Curve.from_bytes(packed) == Curve((0.0, 1.0), (2.0, 3.0), (4.0, 5.0))


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "expected a packed curve, received 0 other bytes"),
        (b"RSC1" + bytes(16) + b"no stream", "expected a packed curve, received 29 other bytes"),
        (
            b"XXXX" + Curve((1.0,), (2.0,), (3.0,)).to_bytes()[4:],
            "expected a packed curve of layout b'RSC1', received b'XXXX'",
        ),
    ],
)
def test_other_bytes_are_refused(packed: bytes, message: str) -> None:
    with pytest.raises(ValueError, match="expected a packed curve") as caught:
        Curve.from_bytes(packed)
    assert str(caught.value) == message
