"""Student's t agrees with SciPy's."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as scipy_t

from search.selection.student import upper_quantile, upper_tail

DEGREES = st.integers(1, 5000) | st.floats(0.5, 5000)


@given(st.floats(1e-12, 0.999), DEGREES)
def test_quantile_is_scipys(tail, degrees):
    assert upper_quantile(tail, degrees) == pytest.approx(scipy_t.isf(tail, degrees), rel=1e-9, abs=1e-9)


@given(st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6), DEGREES)
def test_tail_is_scipys(value, degrees):
    assert upper_tail(value, degrees) == pytest.approx(scipy_t.sf(value, degrees), rel=1e-9, abs=1e-300)


@given(st.floats(-1e-6, 1e-6), DEGREES)
def test_tail_next_to_the_middle_is_a_straight_line(value, degrees):
    """There SciPy 1.17 rounds to one half."""
    assert upper_tail(value, degrees) == pytest.approx(0.5 - value * scipy_t.pdf(0, degrees), rel=1e-11)


@given(st.floats(1e-9, 0.5), st.integers(1, 300))
def test_quantile_and_tail_undo_each_other(tail, degrees):
    assert upper_tail(upper_quantile(tail, degrees), degrees) == pytest.approx(tail, rel=1e-9)


@pytest.mark.parametrize(
    ("tail", "degrees", "value"), [(0.025, 1, 12.706204736), (0.025, 4, 2.776445105), (0.05, 9, 1.833112933)]
)
def test_quantiles_of_the_tables(tail, degrees, value):
    assert upper_quantile(tail, degrees) == pytest.approx(value, abs=1e-9)


def test_infinite_values_have_no_tail_or_all_of_it():
    assert (upper_tail(math.inf, 3), upper_tail(-math.inf, 3)) == (0.0, 1.0)


@pytest.mark.parametrize(("tail", "degrees"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_impossible_arguments_are_refused(tail, degrees):
    sentence = f"expected a tail in (0, 1) and degrees of freedom above 0, received {tail}, {degrees}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        upper_quantile(tail, degrees)
