"""Student's t distribution, without SciPy: its statistics take seconds to import, and a read command needs one number.

The tail is the regularized incomplete beta function, by its continued fraction (Abramowitz and Stegun 1964, 26.5.8
and 26.7.1); the quantile is found by bisection on the tail.
"""

from __future__ import annotations

import math

_MOST_TERMS = 10_000
_TINY = 1e-300


def upper_tail(t: float, degrees_of_freedom: float) -> float:
    """The probability of a value above `t`.

    Args:
        t: Any number, infinity among them.
        degrees_of_freedom: Above 0.
    """
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    outside = 0.5 * _incomplete_beta(t * t, degrees_of_freedom)
    return outside if t >= 0 else 1 - outside


def upper_quantile(tail: float, degrees_of_freedom: float) -> float:
    """The value above which a share of `tail` lies; taken as the tail, which keeps its digits where it is small.

    Args:
        tail: In (0, 1).
        degrees_of_freedom: Above 0.

    Raises:
        ValueError: One of them is outside of its range.
    """
    if not (0 < tail < 1 and degrees_of_freedom > 0):
        raise ValueError(
            f"expected a tail in (0, 1) and degrees of freedom above 0, received {tail}, {degrees_of_freedom}"
        )
    if tail > 0.5:
        return -upper_quantile(1 - tail, degrees_of_freedom)
    low, high = 0.0, 1.0
    while upper_tail(high, degrees_of_freedom) > tail:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if upper_tail(middle, degrees_of_freedom) > tail:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(t_squared: float, nu: float) -> float:
    """P(|T| > t) = I_x(nu / 2, 1 / 2) with x = nu / (nu + t^2); both x and 1 - x are made of t, so none is rounded."""
    a, b = nu / 2, 0.5
    x, rest = nu / (nu + t_squared), t_squared / (nu + t_squared)
    if rest == 0:
        return 1.0
    if x == 0:
        return 0.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    if x < (a + 1) / (a + b + 2):  # where the fraction converges quickly; elsewhere its mirror image does
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, rest) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Abramowitz and Stegun 26.5.8, evaluated from the front as Lentz (1976) does."""
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d or _TINY)
    value = d
    for m in range(1, _MOST_TERMS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + numerator * d) or _TINY)
            c = (1 + numerator / c) or _TINY
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value
