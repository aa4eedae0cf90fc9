"""What an exported Python file does with raw rows: the same as its study."""

import datetime as dt
import json
import subprocess
import sys
import types

import numpy as np
import pytest

from search.data import prepare
from search.data.sources.raw import pack, to_plain
from search.preparation.files import prepare_study
from search.records import Configuration, StudyRecord, Trial, TrialState
from search.reporting.exports import EXPORTS
from search.reporting.exports.chosen import Chosen
from search.spec import spec_to_json

STUDY = """
[study]
name = "rows"
n_trials = 1
[data]
{data}
[split]
{split}
[model]
family = "mlp"
hidden = [2]
[training]
epochs = 1
{training}
[space]
patience = {{ choices = [2] }}
"""


@pytest.fixture
def exported(tmp_path):
    """`exported(data, split, training)`: a study, and the module that its export is."""

    def exported(data, split="", training=""):
        (tmp_path / "study.toml").write_text(STUDY.format(data=data, split=split, training=training))
        prepared = prepare_study(str(tmp_path / "study.toml"))
        begun = dt.datetime(2026, 1, 2)
        told = (prepared.direction, prepared.metric, spec_to_json(prepared.spec), prepared.data_sha256, prepared.facts)
        record = StudyRecord("rows", 1, *told, begun, 1)
        chosen = Chosen(
            record, prepared.spec, Trial(0, TrialState.COMPLETE, Configuration({"patience": 2}), 0.5), None, 1
        )
        text = EXPORTS["python"].render(chosen)
        (tmp_path / "exported.py").write_text(text, encoding="utf-8")
        checked = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", tmp_path / "exported.py"]
        found = subprocess.run(checked, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout
        module = types.ModuleType("exported")
        exec(compile(text, "exported.py", "exec"), module.__dict__)
        return prepared, module

    return exported


def assert_same(prepared, file, *path):
    """The file encodes the rows of the first fold as the study does, to the precision of float32; it is handed on."""
    dataset, fold = prepared.plan.dataset, prepared.plan.folds[0]
    expected = prepare(dataset, fold, keep_stop=True)
    rows, y, *_ = file.read_data(*path)
    y = file.coded(y)
    train, stop, validation = fold.train, fold.stop, fold.validation
    preparation = file.Preparation()
    x = preparation.fit_transform(file.take(rows, train), y[train])
    told = [x, *(preparation.transform(file.take(rows, part)) for part in (stop, validation))]
    for part, encoded in zip((expected.train, expected.stop, expected.validation), told, strict=True):
        assert encoded.dtype == np.float32
        np.testing.assert_allclose(encoded, part.array, rtol=1e-6, atol=1e-6)
    target = preparation.scaled(y[train]) if hasattr(preparation, "scaled") else y[train]
    np.testing.assert_allclose(target, expected.train.y, rtol=1e-6)
    return preparation, rows


NASTY = '"""; import os'
CITIES = ("Ulm", "Köln", "Bonn", "Ulm ", "")


def write_table(folder):
    """Rows with gaps, dates with times, rare categories, decimal commas and names that are no names."""
    rng = np.random.default_rng(3)
    lines = [f'size;count;"{NASTY.replace(chr(34), chr(34) * 2)}";when;day;city;rare;flag;steady;value;other;kind']
    for n in range(90):
        size = "?" if n % 11 == 0 else f"{rng.normal():.3f}".replace(".", ",")
        rare = "a" if n % 2 else "NA" if n % 9 == 0 else f"only {n}" if n % 5 == 0 else "b"
        when = "" if n % 13 == 0 else f"2024-0{n % 8 + 1}-1{n % 9} {n % 24:02}:30"
        day = f"{n % 27 + 1:02}/0{n % 9 + 1}/2023"
        cells = [size, n, f"x{n % 3}", when, day, CITIES[n % 5], rare, n % 4 == 0, "0,1"]
        lines.append(";".join(map(str, [*cells, f"{150 + n % 7 + n / 10:.1f}", n % 5, "no" if n % 3 else " yes"])))
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


CSV = """
source = "csv"
path = "rows.csv"
na_values = ["?"]
dates = {{ day = "%d/%m/%Y"{dates} }}
target = {target}
drop = [{drop}]
"""
WHEN = ', when = "ISO8601"'
OF_CLASSES = CSV.format(target='"kind"', drop='"value", "other"', dates=WHEN)
TABLES = {
    "all": OF_CLASSES,
    "pooled": f'{OF_CLASSES}min_frequency = 8\ntarget_encode = ["city"]\n',
    "imputed": f'{OF_CLASSES}missing = "impute"\nstandardize = false\n',
    "numbers": CSV.format(target='"value"', drop='"other", "kind"', dates=WHEN) + 'target_encode = ["rare", "city"]\n',
    "several numbers": CSV.format(target='["value", "other"]', drop='"kind"', dates=WHEN) + 'task = "regression"\n',
    "full": CSV.format(target='"other"', drop='"kind", "size", "when", "city", "rare"', dates="")
    + 'missing = "error"\ntask = "classification"\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_of_a_table_are_encoded_as_by_the_study(exported, tmp_path, name):
    write_table(tmp_path)
    prepared, file = exported(TABLES[name])
    preparation, rows = assert_same(prepared, file, str(tmp_path / "rows.csv"))
    assert NASTY in rows.columns
    # A dict of columns with values that no row has had.
    told = {column: [cell] for column, cell in rows.iloc[3].items()} | {"city": ["Mainz"], NASTY: ["new"]}
    assert preparation.transform(told).shape == (1, *prepared.facts.input_shape)


OWN_ROWS = """
def load(n=60):
    import numpy as np
    import pandas as pd

    places = np.arange(n)
    rows = pd.DataFrame({
        0: pd.array([None if place % 7 == 0 else place % 5 for place in places], dtype="Int64"),
        "yes": [bool(place % 2) for place in places],
        "maybe": pd.Series([None if place % 4 == 0 else place % 3 == 0 for place in places], dtype=object),
        "size": pd.Categorical([["S", "M", None][place % 3] for place in places]),
        "when": pd.date_range("2024-03-30", periods=n, freq="7h", tz="Europe/Berlin"),
        "named": ["NA" if place % 6 == 0 else " x" for place in places],
    })
    return rows, pd.Series(["b" if place % 3 else "a" for place in places], index=places[::-1])
"""


def test_columns_of_a_data_frame_are_encoded_as_by_the_study(exported, tmp_path):
    (tmp_path / "own.py").write_text(OWN_ROWS)
    prepared, file = exported('source = "own.py:load"\noptions = { n = 50 }')
    assert_same(prepared, file, str(tmp_path / "own.py"))


def test_parquet_file_is_read_as_by_the_study(exported, tmp_path):
    import pandas as pd

    rows, labels = {}, {}
    exec(OWN_ROWS, labels)
    rows, labels = labels["load"](50)
    table = pd.DataFrame({str(name): column.to_numpy() if name == "when" else column for name, column in rows.items()})
    table.assign(when=rows["when"], kind=labels.to_numpy()).to_parquet(tmp_path / "rows.parquet")
    prepared, file = exported('source = "parquet"\npath = "rows.parquet"\ntarget = "kind"')
    assert_same(prepared, file, str(tmp_path / "rows.parquet"))


ARRAYS = {
    "bytes": {"x": np.random.default_rng(1).integers(0, 256, (40, 4, 4, 1), np.uint8), "y": np.arange(40) % 3},
    "text classes": {"x": np.random.default_rng(2).normal(size=(40, 3)), "y": np.array(["01", "1"] * 20)},
    "one-hot": {"x": np.random.default_rng(2).normal(size=(42, 3)), "y": np.eye(3)[np.arange(42) % 3]},
    "truth": {"x": np.arange(80.0).reshape(40, 2), "y": np.arange(40) % 2 == 0},
    "parts": {f"{n}_{part}": np.arange(20.0).reshape(10, 2)[:, : 2 if n == "x" else 1] * k
              for k, part in ((1, "train"), (3, "test")) for n in "xy"},
    "whole": {"x": np.arange(80).reshape(40, 2), "y": np.repeat([3.0, 4.5], 20)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("bytes", ""),
        ("bytes", "standardize = true"),
        ("text classes", "standardize = true"),
        ("one-hot", 'task = "classification"'),
        ("truth", "shape = [2]"),
        ("parts", ""),
        ("whole", 'task = "classification"'),
        ("whole", "scale_target = false"),
    ],
)
def test_arrays_are_encoded_as_by_the_study(exported, tmp_path, name, keys):
    np.savez(tmp_path / "rows.npz", **ARRAYS[name])
    prepared, file = exported(f'source = "npz"\npath = "rows.npz"\n{keys}')
    assert_same(prepared, file, str(tmp_path / "rows.npz"))
    if prepared.facts.classes:
        assert tuple(file.CLASSES) == prepared.facts.classes


def test_table_in_an_archive_is_read_as_by_the_study(exported, tmp_path):
    own = {}
    exec(OWN_ROWS, own)
    rows, labels = own["load"](60)
    beside = {"much": np.arange(60) % 3, "who": np.arange(60) % 11}
    np.savez(tmp_path / "rows.npz", **pack("x", to_plain(rows, "x")), y=labels.to_numpy().astype(str), **beside)
    prepared, file = exported('source = "npz"\npath = "rows.npz"\nweight = "much"', 'groups = "who"')
    assert_same(prepared, file, str(tmp_path / "rows.npz"))
    assert [each.tolist() for each in file.read_data(str(tmp_path / "rows.npz"))[2:]] == [
        each.tolist() for each in beside.values()
    ]


def test_names_stay_texts_whatever_they_hold(exported, tmp_path):
    name = 'it\'s """ {x}\\.npz'
    classes = ['"""\nraise SystemExit\n"""', "\u2028import os", "{labels}"]
    np.savez(tmp_path / name, x=np.arange(90.0).reshape(45, 2), y=np.array(classes * 15))
    prepared, file = exported(f'source = "npz"\npath = {json.dumps(name)}')
    assert_same(prepared, file, str(tmp_path / name))
    assert sorted(file.CLASSES) == sorted(classes)
    assert name == file.DATA


@pytest.mark.parametrize(
    "source",
    [
        'source = "sklearn.make_moons"\noptions = { n_samples = 40, noise = 0.2 }',
        'source = "sklearn.make_blobs"\noptions = { n_samples = [20, 20], centers = [[0, 0], [3, 3]] }',
        'source = "sklearn.load_diabetes"\nstandardize = true',
        'source = "sklearn.load_iris"\noptions = { as_frame = true }',
    ],
)
def test_rows_of_scikit_learn_are_made_and_encoded_as_by_the_study(exported, source):
    assert_same(*exported(source))


def test_columns_that_are_an_array_are_taken_in_their_order(exported, tmp_path):
    lines = ["b;a;empty;kind;c", *(f"{n},5;{n % 7};;{n % 2};{-n}" for n in range(40))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    table = 'source = "csv"\npath = "rows.csv"\ntarget = "kind"\nshape = [3, 1]'
    prepared, file = exported(table)
    assert_same(prepared, file, str(tmp_path / "rows.csv"))
    assert file.NUMBERS == ["b", "a", "c"]
    assert_same(*exported(f"{table}\nstandardize = true"), str(tmp_path / "rows.csv"))


def test_arrays_of_several_inputs_are_encoded_as_by_the_study(exported, tmp_path):
    rng = np.random.default_rng(4)
    arrays = {"x_left": rng.normal(size=(40, 2, 2)), "x_right": rng.normal(size=40), "y": np.arange(40) % 2}
    np.savez(tmp_path / "rows.npz", **arrays)
    prepared, file = exported('source = "npz"\npath = "rows.npz"')
    assert_same(prepared, file, str(tmp_path / "rows.npz"))


def test_pictures_of_a_folder_are_read_as_by_the_study(exported, tmp_path):
    import tensorflow as tf

    for n in range(20):
        place = tmp_path / "pictures" / "ab"[n % 2] / f"{n}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(n).integers(0, 256, (5 + n % 3, 6, 3), np.uint8)
        place.write_bytes(tf.io.encode_png(picture).numpy())
    prepared, file = exported('source = "images"\npath = "pictures"\nshape = [4, 4]')
    assert_same(prepared, file, str(tmp_path / "pictures"))


DIVIDED = ["value,who,when,part,weight,label"]
for n in range(112):
    label = "up" if n % 10 > 4 else "down"
    DIVIDED.append(f"{n % 10 - 4.5 + n % 3},g{n % 7},{n % 28 + 1:02}/0{n // 28 + 1}/2024,{n % 4},{n % 5 / 2},{label}")


@pytest.mark.parametrize(
    ("split", "apart"),
    [
        ("", lambda table, others, test: True),
        ('groups = "who"', lambda table, others, test: not set(table.who.iloc[others]) & set(table.who.iloc[test])),
        ('order = "when"', lambda table, others, test: max(others) < min(test)),
        ('column = "part"', lambda table, others, test: set(table.part.iloc[test]) == {"3"}),
    ],
)
def test_program_keeps_rows_apart_as_the_study_does_and_tells_of_them(exported, tmp_path, capsys, split, apart):
    (tmp_path / "rows.csv").write_text("\n".join(DIVIDED))
    data = 'source = "csv"\npath = "rows.csv"\ntarget = "label"\nweight = "weight"\ncolumns = ["value"]'
    prepared, file = exported(data, split, "learning_rate = 0.1\nclass_weight = 'balanced'")
    rows, *_ = assert_same(prepared, file, str(tmp_path / "rows.csv"))[1:]
    if split:
        file.train_model = lambda *rows, verbose: None
    told, predict = [], file.predict
    file.predict = lambda *given: told.append((given, predict(*given))) or told[-1][1]
    file.main(str(tmp_path / "rows.csv"))
    (model, preparation, test), (labels, probabilities) = told[0]
    places = rows.index.get_indexer(test.index)
    assert apart(rows, np.setdiff1d(np.arange(len(rows)), places), places)
    right = (labels == test.label.to_numpy()).mean()
    usual = test.label.value_counts(normalize=True).max()
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{len(test)} rows that did not train: {right:.1%} of the labels are right",
        f"The most frequent label is that of {usual:.1%}",
    ]
    assert ((probabilities[:, 1] > 0.5) == (labels == "up")).all()
    labels, probabilities = predict(model, preparation, {"value": [-5, 5.5, None]})
    assert probabilities.shape == (3, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


class Says:
    """A model that says what it is told to."""

    def __init__(self, outputs):
        self.predict = lambda x, verbose: np.asarray(outputs, np.float32)


@pytest.mark.parametrize("names", [("price",), ("price", "cost")])
def test_values_are_told_in_the_unit_of_the_target(exported, tmp_path, names):
    lines = ["size,price,cost", *(f"{n},{1e6 + 1e4 * n},{-n}" for n in range(80))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    data = 'source = "csv"\npath = "rows.csv"\ntask = "regression"\ncolumns = ["size"]\ntarget = '
    prepared, file = exported(data + str(list(names)))
    preparation, rows = assert_same(prepared, file, str(tmp_path / "rows.csv"))
    y = file.coded(file.read_data(str(tmp_path / "rows.csv"))[1])
    assert y.shape == ((80,) if len(names) == 1 else (80, 2))
    outputs = preparation.scaled(y).reshape(80, -1)
    values = file.predict(Says(outputs), preparation, rows)
    assert values.shape == y.shape
    np.testing.assert_allclose(values, y, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("loss", "centers", "outputs", "probabilities", "labels"),
    [
        ("sparse_categorical_crossentropy", 3, [[0, 0, np.log(2)]], [[0.25, 0.25, 0.5]], ["2"]),
        ("binary_crossentropy", 2, [[0.0], [np.log(3)]], [[0.5, 0.5], [0.25, 0.75]], ["0", "1"]),
        ("hinge", 2, [[-0.5], [0.5]], None, ["0", "1"]),
    ],
)
def test_outputs_that_are_no_probabilities_become_some(exported, loss, centers, outputs, probabilities, labels):
    logits = "" if loss == "hinge" else ", from_logits = true"
    data = f'source = "sklearn.make_blobs"\noptions = {{ n_samples = 30, centers = {centers} }}'
    _, file = exported(data, "", f'loss = {{ name = "{loss}"{logits} }}')
    rows, y = file.read_data()
    preparation = file.Preparation()
    preparation.fit_transform(rows, file.coded(y))
    told, shares = file.predict(Says(outputs), preparation, rows[: len(outputs)])
    assert told.tolist() == labels
    if probabilities is not None:
        np.testing.assert_allclose(shares, probabilities, rtol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
