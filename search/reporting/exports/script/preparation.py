"""The class `Preparation` of the source, in which tables and arrays differ by their statements alone."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

_CLASS = '''\
class Preparation:
    """Raw rows become what the model takes; {learned}."""

'''

_FIT_TRANSFORM = '''\
def fit_transform(self, rows, y):
    """Learn from rows that train, and encode them{told}: float32, shape (rows, ...)."""
'''

_TRANSFORM = '''\
def transform(self, rows):
    """Encode other rows: float32, shape (rows, ...)."""
'''

_OF_TARGET = (
    "self.mean, deviation = y.mean(axis=0), y.std(axis=0)",
    "self.deviation = np.where(deviation > 0, deviation, 1.0)",
)

_SCALED = '''\
def scaled(self, y):
    """Targets as the model is trained on them: of mean 0 and deviation 1."""
    return ((y - self.mean) / self.deviation).astype("float32")'''

_RESTORED = '''\
def restored(self, values):
    """Predictions in the targets' own unit."""
    return values.astype("float64") * self.deviation + self.mean'''


def write_preparation(
    fit: Sequence[str],
    encode: str,
    transform: Sequence[str],
    further: Sequence[str] = (),
    *,
    told: str = "",
    scales_target: bool,
) -> str:
    """The class.

    Args:
        fit: Statements that learn from `rows`, and from their targets `y`.
        encode: What encodes the rows that it has learned from, an expression.
        transform: Statements that encode other `rows`; the last one returns them.
        further: Further methods.
        told: What is to be said of the rows that train.
        scales_target: Whether it learns how targets are scaled, too.
    """
    learning = [*fit, *(_OF_TARGET if scales_target else ())]
    learned = "whatever is learned of them is learned of the rows that train" if learning else "nothing is learned"
    methods = [
        _FIT_TRANSFORM.format(told=told) + _indented([*learning, f"return {encode}"]),
        _TRANSFORM + _indented(transform),
        *([_SCALED, _RESTORED] if scales_target else []),
        *further,
    ]
    return _CLASS.format(learned=learned) + indent("\n\n".join(methods), "    ")


def _indented(lines: Sequence[str]) -> str:
    return indent("\n".join(lines), "    ")
