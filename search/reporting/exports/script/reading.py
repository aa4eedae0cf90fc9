"""Source that reads the study's data, and makes of targets what the model is trained on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from textwrap import dedent, indent

import numpy as np

from search.data import MISSING, sklearn_call, told_format, told_writing
from search.models import RowsSource, constant, literal
from search.reporting.exports.script.known import Known

_SHARE = 0.2  # of rows that are kept apart, where the study names none
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)

_CELLS = '''\
def cells_of(column):
    """The cells of a column without blanks around text, None where one is missing."""
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in column]
    known = [None if pd.isna(cell) or cell in MISSING else cell for cell in cells]
    return pd.Series(known, index=column.index, dtype=object)


def numbers_of(column):
    """The cells of a column as float64, NaN where one is missing."""
    return pd.to_numeric(cells_of(column){decimals}).astype("float64")'''
_DECIMAL_COMMAS = '.replace(",", ".", regex=True)'

_LABEL_OF_NUMBER = '''\
def label_of(value):
    """A class as it stands in CLASSES: 3 and 3.0 are one."""
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)'''

_LABEL_OF_TEXT = '''\
def label_of(value):
    """A class as it stands in CLASSES."""
    return str(value){stripped}'''

_CODED_CLASSES = '''\
def coded(y):
    """Labels as their places in CLASSES, shape (rows,){told}."""
{of_one_hot}    places = {{label: place for place, label in enumerate(CLASSES)}}
    return np.array([places[label_of(value)] for value in np.ravel(y)])'''

_OF_ONE_HOT = """\
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        return np.argmax(y, axis=1)
"""

_CODED_NUMBERS = '''\
def coded(y):
    """Targets as float64, shape (rows,), or (rows, targets) of several."""
    y = np.asarray(y, "float64")
    return y[:, 0] if y.shape[1:] == (1,) else y'''

_TAKE_ROWS = '''\
def take(rows, places):
    """Some of the rows."""
    return {taken}'''

_DIVIDE = '''\
def divide({arguments}, share):
    """The places of some rows, and of a share that is kept apart{told}."""
{body}'''

_DRAWN = """\
{stratify}return train_test_split(np.arange(len(y)), test_size=share, random_state=SEED{stratified})"""
_STRATIFIED = "many = np.bincount(y).min() >= 10  # of each class\n"

_GROUPED = """\
draw = GroupShuffleSplit(1, test_size=share, random_state=SEED)
return next(draw.split(y, groups=groups))"""

_ORDERED = """\
ranked = np.argsort(order, kind="stable")
n_others = len(y) - max(1, round(share * len(y)))
return ranked[:n_others], ranked[n_others:]"""

_IMAGES = '''\
def read_images(paths):
    """Pictures of one size as bytes, shape (rows, {dimensions})."""
    images = []
    for path in paths:
        image = tf.io.decode_image(tf.io.read_file(str(path)), {channels}, expand_animations=False)
        image = tf.image.resize(image, {size}, "bilinear").numpy()
        images.append(np.clip(np.rint(image), 0, 255).astype("uint8"){gray})
    return np.stack(images)


def read_data(path):
    """The pictures of a folder with a folder for each class, and their labels."""
    paths = [
        file
        for folder in sorted(Path(path).iterdir())
        if folder.is_dir()
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".gif") and file.is_file()
    ]
    labels = [file.relative_to(path).parts[0] for file in paths]
    return read_images(paths), np.array(labels)'''


def read_source(known: Known) -> RowsSource:
    """`read_data`, `coded`, `take` and `divide`."""
    imports, constants = ["import numpy as np"], [*_constants(known)]
    functions = list[str]()
    if known.of_columns and known.is_csv:
        functions.append(_CELLS.replace("{decimals}", _DECIMAL_COMMAS if _has_decimal_commas(known) else ""))
    if known.of_columns:
        imports.append("import pandas as pd")
    more, read = _read_data(known)
    classes = known.facts.classes
    if classes:
        of_text = _LABEL_OF_TEXT.format(stripped=".strip()" if known.is_csv else "")
        functions.append(_LABEL_OF_NUMBER if all(map(_is_plain_number, classes)) else of_text)
    of_file = known.data.source in ("csv", "parquet")
    of_classes = _CODED_CLASSES.format(
        told="" if of_file else "; those of one-hot rows by their columns", of_one_hot="" if of_file else _OF_ONE_HOT
    )
    functions += [read, of_classes if classes else _CODED_NUMBERS, _take(known), _divide(known)]
    return RowsSource((*imports, *more, *_dividing_imports(known)), tuple(constants), tuple(functions))


def given_names(known: Known) -> str:
    """What `read_data` returns, as source: `rows, y`, and what is beside them."""
    return ", ".join(["rows", "y", *known.beside])


def takes_path(known: Known) -> bool:
    """Whether the data is a file or a folder, rather than made or downloaded."""
    source = known.data.source
    return not (source.startswith("sklearn.") or (source.startswith("keras.") and known.data.path is None))


def shown_path(known: Known) -> str:
    """The name of the file or folder that the study has read."""
    return PurePath(known.data.path or known.data.source.rpartition(":")[0]).name


def _constants(known: Known) -> Iterator[str]:
    split, section = known.chosen.spec.split, known.data
    yield constant("SEED", known.chosen.spec.study.seed)
    if known.dividing != "part":
        share = split.test if isinstance(split.test, float) else _SHARE
        yield f"TEST_SHARE = {share!r}  # of all rows: they tell how well others are predicted"
    if known.stops:
        share = _SHARE if split.stop == "validation" else split.stop
        yield f"STOP_SHARE = {share!r}  # of the others: early stopping watches them"
    if known.dividing == "part":
        yield constant("HELD_OUT", _held_out(known))
    if known.of_columns and known.is_csv:
        yield "# Texts of missing cells."
        yield constant("MISSING", sorted({*MISSING, *(section.na_values or ())}))


def _held_out(known: Known) -> list[str]:
    """Values of the user's own division for rows that tell how well others are predicted."""
    if known.facts.rows.test or known.dataset is None or known.dataset.part is None:
        return ["test"]
    values = [str(value).strip().lower().removesuffix(".0") for value in np.unique(known.dataset.part)]
    folds = [value for value in values if value.isdecimal()]
    return [max(folds, key=int)] if folds else ["validation", "valid", "val"]


def _has_decimal_commas(known: Known) -> bool:
    """Whether numbers may have decimal commas; where commas separate fields, only a study that says so has them."""
    separator = told_writing(known.data, _folder(known))[0]
    return known.data.decimal == "," or (known.data.decimal is None and separator != ",")


def _is_plain_number(label: str) -> bool:
    """Whether a label is what the source makes of a number."""
    if not _NUMBER.fullmatch(label):
        return False
    number = float(label)
    return label == (str(int(number)) if number.is_integer() else repr(number))


def _dividing_imports(known: Known) -> list[str]:
    drawn = {"": "train_test_split", "groups": "GroupShuffleSplit", "part": "train_test_split"}.get(known.dividing)
    return [] if drawn is None else [f"from sklearn.model_selection import {drawn}"]


def _take(known: Known) -> str:
    if known.facts.named_inputs and not known.of_columns:
        taken = "{name: np.asarray(values)[places] for name, values in rows.items()}"
    else:
        taken = "pd.DataFrame(rows).iloc[places]" if known.of_columns else "np.asarray(rows)[places]"
    return _TAKE_ROWS.format(taken=taken)


def _divide(known: Known) -> str:
    role = known.dividing
    body, told = {
        "groups": (_GROUPED, "; no group stands on both sides"),
        "order": (_ORDERED, ": the last in their order"),
    }.get(role, (_drawn(known), ", drawn at random"))
    arguments = f"y, {role}" if role in ("groups", "order") else "y"
    return _DIVIDE.format(arguments=arguments, told=told, body=indent(body, "    "))


def _drawn(known: Known) -> str:
    if not known.facts.classes:
        return _DRAWN.format(stratify="", stratified="")
    return _DRAWN.format(stratify=_STRATIFIED, stratified=", stratify=y if many else None")


def _read_data(known: Known) -> tuple[list[str], str]:
    """Imports, and `read_data`."""
    source = known.data.source
    if source == "csv":
        return [], _of_table(known, _csv_table(known), "a CSV file")
    if source == "parquet":
        return [], _of_table(known, "table = pd.read_parquet(path)", "a parquet file")
    if source == "images":
        return _read_images(known)
    if source.startswith("sklearn."):
        name, options = sklearn_call(known.data)
        given = ", ".join(f"{key}={literal(value)}" for key, value in options.items())
        call = f"rows, y = datasets.{name}({given})"
        return ["from sklearn import datasets"], _of_call(f"What `{name}` of scikit-learn gives", "", call)
    if source.startswith("keras.") and known.data.path is None:
        return [], _keras_data(known)
    if source == "npz" or source.startswith("keras."):
        return _npz(known)
    return _function(known)


def _of_call(told: str, argument: str, body: str, returned: str = "rows, np.asarray(y)") -> str:
    statements = indent(body, "    ")
    return f'def read_data({argument}):\n    """{told}."""\n{statements}\n    return {returned}'


def _csv_table(known: Known) -> str:
    separator, encoding = told_writing(known.data, _folder(known))
    written = f"sep={literal(separator)}, encoding={literal(encoding)}"
    read = f"table = pd.read_csv(path, {written}, dtype=str, keep_default_na=False)"
    return f"{read}\ntable.columns = table.columns.str.strip()"


def _folder(known: Known) -> Path:
    return Path(known.facts.folder or ".")


def _of_table(known: Known, table: str, file: str) -> str:
    names = list(known.data.targets[""])
    columns = [_column(known, name, numeric=not known.facts.classes or len(names) > 1) for name in names]
    lines, target = [table], columns[0]
    if len(names) > 1:
        lines.append(
            "targets = np.column_stack(\n    [" + "".join(f"\n        {each}," for each in columns) + "\n    ]\n)"
        )
        # One-hot columns are named after their classes.
        target = f"np.array({literal(names)})[targets.argmax(axis=1)]" if known.facts.classes else "targets"
    returned = ["table", target]
    for role, name in known.beside.items():
        lines.append(f"{role} = {_beside_column(known, role, name)}")
        returned.append(role)
    told = f"The rows of {file}, and {'their targets' if len(names) > 1 else 'the target of each'}"
    return _of_call(told, "path", "\n".join(lines), ", ".join(returned))


def _column(known: Known, name: str, *, numeric: bool) -> str:
    column = f"table[{literal(name)}]"
    if numeric:
        column = f"numbers_of({column})" if known.is_csv else column
        return f'{column}.to_numpy("float64")'
    return f"{column}.to_numpy()"


def _beside_column(known: Known, role: str, name: str) -> str:
    column = f"table[{literal(name)}]"
    order = known.dataset.order if known.dataset is not None else None
    if role == "weight":
        return _column(known, name, numeric=True).replace("float64", "float32")
    if role == "order" and known.is_csv:
        if order is not None and order.dtype.kind == "M":
            formats = known.data.dates if isinstance(known.data.dates, dict) else {}
            form = formats.get(name) or told_format(known.data, _folder(known), name)
            return f"pd.to_datetime({column}, format={literal(form)}, utc=True).to_numpy()"
        return _column(known, name, numeric=True)
    return f"{column}.to_numpy()"


def _keras_data(known: Known) -> str:
    name = known.data.source.removeprefix("keras.")
    given = ", ".join(f"{key}={literal(value)}" for key, value in known.data.options.items())
    body = f"""\
        (x_train, y_train), (x_test, y_test) = keras.datasets.{name}.load_data({given})
        rows, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])"""
    return _of_call(f"All rows of {name}, a data set of Keras", "", dedent(body))


def _npz(known: Known) -> tuple[list[str], str]:
    imports, lines = list[str](), ["archive = np.load(path)"]
    if known.of_columns:
        imports = ["import json"]
        lines += [
            'names = json.loads(str(archive["x_columns"]))',
            "columns = {}",
            "for place, name in enumerate(names):",
            '    cells = pd.Series(archive[f"x_{place}"])',
            '    gaps = f"x_{place}_missing"',
            "    columns[name] = cells.mask(archive[gaps]) if gaps in archive else cells",
            "rows = pd.DataFrame(columns)",
            'y = archive["y"]',
        ]
    elif known.facts.named_inputs:
        listed = literal([name for name, _ in known.facts.named_inputs])
        lines += [f'rows = {{name: archive[f"x_{{name}}"] for name in {listed}}}', 'y = archive["y"]']
    else:
        lines += [
            'if "x_train" in archive:',
            '    rows, y = (np.concatenate([archive[f"{name}_train"], archive[f"{name}_test"]]) for name in "xy")',
            "else:",
            '    rows, y = archive["x"], archive["y"]',
        ]
    beside = [f"archive[{literal(name)}]" for name in known.beside.values()]
    return imports, _of_call(
        "The rows of an NPZ file, and their targets", "path", "\n".join(lines), ", ".join(["rows", "y", *beside])
    )


def _read_images(known: Known) -> tuple[list[str], str]:
    shape = known.data.shape or known.facts.input_shape
    text = _IMAGES.format(
        dimensions=", ".join(map(str, shape)),
        channels=shape[2] if len(shape) > 2 else 1,
        size=tuple(shape[:2]),
        gray="" if len(shape) > 2 else "[..., 0]",
    )
    return ["import tensorflow as tf", "from pathlib import Path"], text


def _function(known: Known) -> tuple[list[str], str]:
    name = known.data.source.rpartition(":")[2]
    given = ", ".join(f"{key}={literal(value)}" for key, value in known.data.options.items())
    lines = [
        "sys.path.insert(0, str(Path(path).resolve().parent))  # for modules beside it",
        f"rows, y = runpy.run_path(path)[{literal(name)}]({given})",
    ]
    return ["import runpy", "import sys", "from pathlib import Path"], _of_call(
        f"What `{name}` in a Python file gives", "path", "\n".join(lines)
    )
