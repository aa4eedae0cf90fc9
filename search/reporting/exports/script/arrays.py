"""Source that makes arrays, and tables that are taken as arrays, what the model takes."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from search.models import RowsSource, constant, literal
from search.reporting.exports.script.known import Known
from search.reporting.exports.script.preparation import write_preparation

_AS_ARRAY = '''\
def as_array(rows):
    """Raw rows as float32, shape (rows, ...).

    Args:
        rows: {told}.
    """
'''


def encode_arrays(known: Known) -> RowsSource:
    """`as_array` and `Preparation`."""
    fit, encode, transform, imports = list[str](), "self.transform(rows)", ["return as_array(rows)"], list[str]()
    if known.data.standardize:
        imports.append("from sklearn.preprocessing import StandardScaler")
        fit = ["x = as_array(rows)", "self.scaler = StandardScaler().fit(x.reshape(len(x), -1))"]
        scaled = "self.scaler.transform(x.reshape(len(x), -1))"
        transform = ["x = as_array(rows)", f'return {scaled}.astype("float32").reshape(x.shape)']
    preparation = write_preparation(fit, encode, transform, scales_target=bool(known.data.scale_target))
    return RowsSource(tuple(imports), tuple(_constants(known)), (_as_array(known), preparation))


def _constants(known: Known) -> Iterator[str]:
    if known.columns:
        yield "# Columns of numbers, in the order in which the model takes them."
        yield constant("NUMBERS", list(known.columns))
    elif known.facts.named_inputs:
        yield "# The model takes the inputs beside one another, flat, in this order."
        yield constant("INPUTS", [name for name, _ in known.facts.named_inputs])


def _as_array(known: Known) -> str:
    """What makes one array of raw rows."""
    shape = known.facts.input_shape
    if known.columns:
        told = "A DataFrame, or a dict of columns, as the data has them; further ones are left out"
        lines = ["table = pd.DataFrame(rows).rename(columns=lambda name: str(name).strip())"]
        number = "numbers_of(table[name])" if known.is_csv else 'table[name].astype("float64")'
        lines.append(f'x = np.column_stack([{number} for name in NUMBERS]).astype("float32")')
        lines.append("if not np.isfinite(x).all():")
        lines.append('    raise ValueError("expected a number in every cell, received others")')
        lines.append("return x" if len(shape) == 1 else f"return x.reshape(len(x), {', '.join(map(str, shape))})")
    elif known.facts.named_inputs:
        told = "A dict with an array of each input, shape (rows, ...)"
        lines = ['arrays = [np.asarray(rows[name], "float32") for name in INPUTS]']
        joined = "np.concatenate([each.reshape(len(each), -1) for each in arrays], axis=1)"
        lines.append(f"return {joined}{_divided(known)}")
    else:
        told = "An array as the data has it, shape (rows, ...)"
        array = 'np.asarray(rows, "float32")'
        if known.data.shape is not None and known.data.source != "images":
            array += f".reshape(len(rows), {literal(list(shape))[1:-1]})"
        lines = [f"return {array}{_divided(known)}"]
    return _AS_ARRAY.format(told=told) + indent("\n".join(lines), "    ")


def _divided(known: Known) -> str:
    return " / np.float32(255)  # bytes" if known.facts.scaled_bytes else ""
