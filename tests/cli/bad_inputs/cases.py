"""Inputs that no command can use: each a name, files, a command line, and a word that its error holds."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

STUDY = """
[study]
name = "bad"
n_trials = 3
seed = 1
[data]
source = "sklearn.make_moons"
options = { n_samples = 60 }
[split]
test = 0.2
validation = { method = "kfold", folds = 3 }
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 2
[objective]
metric = "log_loss"
[space]
l2 = { low = 1e-5, high = 1e-1, log = true }
dropout = { low = 0.1, high = 0.5 }
"""
GENERATED = 'source = "sklearn.make_moons"\noptions = { n_samples = 60 }'
ROWS = "a,b,y\n" + "".join(f"{number},{number % 7},{'no' if number % 2 else 'yes'}\n" for number in range(40))
FOLDER = "a folder"
"""Stands for content: a folder of that name."""


@dataclass(frozen=True)
class Case:
    """An input that is refused.

    Args:
        name: What is wrong with it.
        arguments: The command line.
        word: What the error says of it.
        files: Name to content, a function that makes it, or `FOLDER`.
        code: Of the exit.
    """

    name: str
    arguments: tuple[str, ...]
    word: str
    files: Mapping[str, str | bytes | Callable[[], bytes]] = field(default_factory=dict)
    code: int = 2


def corpus() -> Iterator[Case]:
    """All of them, by what is given."""
    yield from _documents()
    yield from _values()
    yield from _overrides()
    yield from _tables()
    yield from _archives()
    yield from _parquet_files()
    yield from _pictures()
    yield from _models()
    yield from _code()
    yield from _addresses()
    yield from _command_lines()
    yield from _rows_to_predict()


def study_of(data: str, more: str = "") -> str:
    """The study with another [data]."""
    return STUDY.replace(GENERATED, data) + more


def _documents() -> Iterator[Case]:
    """Study files that are none."""
    contents: dict[str, tuple[str | bytes, str]] = {
        "empty": ("", "empty file"),
        "blank": (" \n\n", "empty file"),
        "a comment": ("# nothing", "empty file"),
        "a byte order mark": (b"\xef\xbb\xbf", "empty file"),
        "utf-16": (STUDY.encode("utf-16"), "UTF-8"),
        "latin-1": ('[study]\nname = "Köln"'.encode("latin-1"), "UTF-8"),
        "zero bytes": (bytes(100), "TOML"),
        "noise": (np.random.default_rng(1).bytes(500), "UTF-8"),
        "json": (json.dumps({"study": {"name": "bad"}}), "TOML"),
        "yaml": ("study:\n  name: bad\n", "TOML"),
        "open text": ('[study]\nname = "bad', "TOML"),
        "open list": ("[study]\nx = [1, 2", "TOML"),
        "open table": ("[study", "TOML"),
        "no value": ("[study]\nname =", "TOML"),
        "no quotes": ("[study]\nname = bad", "quotes"),
        "a table twice": ("[study]\n[study]\n", "twice"),
        "a key twice": ('[study]\nname = "a"\nname = "b"', "twice"),
        "a deep list": ("x = " + "[" * 50_000, "nesting"),
        "a deep table": ("x = " + "{a=" * 50_000, "nesting"),
        "a deep key": ("a." * 50_000 + "b = 1", "parts"),
        "a deep header": ("[" + "a." * 50_000 + "b]", "parts"),
        "a long number": ("[study]\nseed = " + "9" * 5000, "number"),
        "too large": (b"#" * (5 * 2**20), "4 MiB"),
        "only a table": ("[study]\n", "name"),
        "no data": (STUDY.replace("[data]", "[other]"), "other"),
        "an unknown table": (STUDY + "\n[trianing]\nepochs = 3\n", "training"),
        "a list of tables": (STUDY.replace("[study]", "[[study]]"), "study"),
        "a number for a table": ("study = 1\n", "study"),
        "control characters": ('[study]\nname = "a\x01"', "TOML"),
        "carriage returns": ('[study]\rname = "a"\r', "TOML"),
        "markdown": ("# Title\n\nSome *text*.\n", "TOML"),
        "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "UTF-8"),
    }
    for name, (content, word) in contents.items():
        for command in ("check", "run"):
            yield Case(f"{command} of a study file that is {name}", (command, "s.toml"), word, {"s.toml": content})
    yield Case("study file that is a folder", ("run", "s.toml"), "file", {"s.toml": FOLDER})
    yield Case("study file that is not there", ("run", "no.toml"), "no.toml")
    yield Case("study that nobody ships", ("run", "mooons"), "moons")


_WRONG: tuple[tuple[str, str, str], ...] = (
    ('name = "bad"', "name = 1", "name"),
    ('name = "bad"', 'name = ""', "name"),
    ('name = "bad"', 'name = "../bad"', "name"),
    ('name = "bad"', f'name = "{"a" * 200}"', "name"),
    ("n_trials = 3", "n_trials = 0", "n_trials"),
    ("n_trials = 3", "n_trials = -1", "n_trials"),
    ("n_trials = 3", "n_trials = 2.5", "n_trials"),
    ("n_trials = 3", 'n_trials = "3"', "n_trials"),
    ("n_trials = 3", "n_trials = nan", "n_trials"),
    ("n_trials = 3", "n_trials = 1000000000", "at most 10,000,000 runs"),
    ("n_trials = 3", "n_trials = 10000000000000000000000", "64 bits"),
    ("n_trials = 3", 'n_trials = 3\nsampler = "tpee"', "tpe"),
    ("n_trials = 3", 'n_trials = 3\npruner = "some"', "pruner"),
    ("n_trials = 3", "n_trials = 3\nwindow = 0", "window"),
    ("n_trials = 3", "n_trials = 3\ntrials = 3", "n_trials"),
    ("seed = 1", "seed = -1", "seed"),
    ("seed = 1", "seed = 2147483648", "seed"),
    ("seed = 1", "seed = true", "seed"),
    ("seed = 1", "seed = 1979-05-27", "seed"),
    ("make_moons", "make_mons", "make_moons"),
    ("make_moons", "", "source"),
    ("sklearn.make_moons", "make_moons", "sklearn.make_moons"),
    ("sklearn.make_moons", "keras.nothing", "keras"),
    ("sklearn.make_moons", "../evil.py:f", "evil.py"),
    ("sklearn.make_moons", "__import__", "source"),
    ("n_samples = 60", "n_samples = 0", "make_moons"),
    ("n_samples = 60", "n_samples = -5", "make_moons"),
    ("n_samples = 60", 'n_samples = "many"', "make_moons"),
    ("n_samples = 60", "n_samples = 100000000000", "an eighth of the memory"),
    ("n_samples = 60", "n_samples = 3", "rows"),
    ("n_samples = 60", "n_sample = 60", "n_samples"),
    ("n_samples = 60", "noise = -1", "noise"),
    ("options = { n_samples = 60 }", "options = 3", "options"),
    ("options = { n_samples = 60 }", 'target = "y"', "target"),
    ("options = { n_samples = 60 }", 'path = "x.csv"', "path"),
    ("options = { n_samples = 60 }", "shape = [3, 3]", "shape"),
    ("options = { n_samples = 60 }", "shape = [0]", "shape"),
    ("options = { n_samples = 60 }", "shape = [-1]", "shape"),
    ("options = { n_samples = 60 }", 'task = "ranking"', "task"),
    ("options = { n_samples = 60 }", "timeout_seconds = 0", "timeout_seconds"),
    ("options = { n_samples = 60 }", "timeout_seconds = inf", "timeout_seconds"),
    ("test = 0.2", "test = 1.5", "test"),
    ("test = 0.2", "test = -1", "test"),
    ("test = 0.2", "test = 60", "rows"),
    ("test = 0.2", "test = 1000000", "rows"),
    ("test = 0.2", "test = nan", "test"),
    ("test = 0.2", 'test = "some"', "test"),
    ("test = 0.2", 'test = 0.2\ngroups = "who"', "groups"),
    ("test = 0.2", "test = 0.2\nstop = 2.0", "stop"),
    ("test = 0.2", 'test = 0.2\nstop = "all"', "stop"),
    ("folds = 3", "folds = 1", "folds"),
    ("folds = 3", "folds = 1000", "folds"),
    ("folds = 3", "folds = 3, repeats = 0", "repeats"),
    ("folds = 3", "folds = 3, repeats = 1000000000", "repeats"),
    ("folds = 3", "fold = 3", "folds"),
    ('"kfold", folds = 3', '"leave"', "kfold"),
    ('"kfold", folds = 3', '"head", train = 1000', "train"),
    ('"kfold", folds = 3', '"holdout", fraction = 1.0', "fraction"),
    ('family = "mlp"', 'family = "mlpp"', "mlp"),
    ('family = "mlp"', 'family = "cnn"', "images"),
    ('family = "mlp"', "family = 1", "family"),
    ('family = "mlp"', 'keras = "no.keras"', "no.keras"),
    ('family = "mlp"', 'builder = "no.py:f"', "no.py"),
    ('family = "mlp"', 'family = "mlp"\nkeras = "a.keras"', "keras"),
    ("hidden = [4]", "hidden = [0]", "hidden"),
    ("hidden = [4]", "hidden = [-3]", "hidden"),
    ("hidden = [4]", "hidden = 4", "hidden"),
    ("hidden = [4]", "hidden = [1000000000]", "weights"),
    ("hidden = [4]", "hidden = [4.5]", "hidden"),
    ("hidden = [4]", 'hidden = ["a"]', "hidden"),
    ("hidden = [4]", 'activation = "rellu"', "relu"),
    ("epochs = 2", "epochs = 0", "epochs"),
    ("epochs = 2", "epochs = 1.5", "epochs"),
    ("epochs = 2", "epochs = 2\nbatch_size = 0", "batch_size"),
    ("epochs = 2", "epochs = 2\nlearning_rate = 0", "learning_rate"),
    ("epochs = 2", "epochs = 2\nlearning_rate = -1", "learning_rate"),
    ("epochs = 2", "epochs = 2\nlearning_rate = inf", "learning_rate"),
    ("epochs = 2", 'epochs = 2\noptimizer = "adamm"', "adam"),
    ("epochs = 2", 'epochs = 2\nengine = "fast"', "engine"),
    ("epochs = 2", 'epochs = 2\nloss = "hinge_of_mine"', "loss"),
    ("epochs = 2", 'epochs = 2\nloss = "no.py:f"', "no.py"),
    ("epochs = 2", 'epochs = 2\ncallbacks = ["no.py:f"]', "no.py"),
    ("epochs = 2", 'epochs = 2\nclass_weight = "even"', "class_weight"),
    ("epochs = 2", "epochs = 2\nrun_timeout_seconds = 0", "run_timeout_seconds"),
    ('metric = "log_loss"', 'metric = "logloss"', "log_loss"),
    ('metric = "log_loss"', 'metric = "mse"', "mse"),
    ('metric = "log_loss"', 'metric = "no.py:f"', "no.py"),
    ('metric = "log_loss"', "metric = []", "metric"),
    ('metric = "log_loss"', "seeds = 0", "seeds"),
    ('metric = "log_loss"', "seeds = 1000000", "seeds"),
    ("l2 = {", "l3 = {", "l2"),
    ("low = 1e-5", "low = 1.0", "low"),
    ("low = 1e-5", "low = 0.0", "low"),
    ("low = 1e-5", "low = -1.0", "low"),
    ("low = 1e-5", "low = nan", "low"),
    ("low = 1e-5", "low = -inf", "low"),
    ("low = 1e-5", 'low = "small"', "low"),
    ("low = 1e-5", "lo = 1e-5", "low"),
    ("log = true", "log = 3", "log"),
    ("log = true", "log = true, step = 0.1", "step"),
    ("low = 0.1, high = 0.5", "choices = []", "choices"),
    ("low = 0.1, high = 0.5", "choices = [0.1, 0.1]", "each choice once"),
    ("low = 0.1, high = 0.5", "choices = [2.0]", "dropout"),
    ("low = 0.1, high = 0.5", 'choices = ["a"]', "dropout"),
    ("low = 0.1, high = 0.5", "", "dropout"),
    ("high = 0.5", "high = 1.0", "dropout"),
    ("dropout = {", '"dense_9.dropout" = {', "dense_9"),
    ("dropout = {", '"*.*.*" = {', "*.*.*"),
    ("dropout = {", '"" = {', "space"),
    ("dropout = { low = 0.1, high = 0.5 }", "dropout = 0.5", "dropout"),
    ("dropout = { low = 0.1, high = 0.5 }", '"training.epohcs" = { choices = [1, 2] }', "epochs"),
    ("dropout = { low = 0.1, high = 0.5 }", '"training.epochs" = { low = 0, high = 3 }', "epochs"),
    ("dropout = { low = 0.1, high = 0.5 }", "[confirm]\nfinalists = -1", "finalists"),
    ("dropout = { low = 0.1, high = 0.5 }", "[confirm]\nrepeats = 1", "repeats"),
    ("dropout = { low = 0.1, high = 0.5 }", "[confirm]\nrepeats = 1000000000", "at most 10,000,000 runs"),
    ("dropout = { low = 0.1, high = 0.5 }", '[confirm]\nrule = "worst"', "rule"),
)


def _values() -> Iterator[Case]:
    """Study files with a value that does not do."""
    for number, (right, wrong, word) in enumerate(_WRONG):
        assert right in STUDY
        command = ("check", "run")[number % 2]
        name = f"study with {wrong!r} for {right!r}"
        yield Case(name[:90], (command, "s.toml"), word, {"s.toml": STUDY.replace(right, wrong, 1)})


def _overrides() -> Iterator[Case]:
    for given, word in (
        ("epochs=3", "epochs"), ("training.epochs", "training.epochs"), ("=", "--set"), ("", "--set"), ("a=b=c", "a"),
        ("training.epochs=", "epochs"), ("training.epochs=three", "epochs"), ("training.epohcs=3", "epochs"),
        ("trainin.epochs=3", "training"), ("space.l2=", "l2"), ("space.l2.low=x", "low"), (".=1", "--set"),
        ("study.name=\x1f", "name"), ("training=3", "training"), ("data.path=" + "../" * 2000, "path"),
        ("a." * 5000 + "b=1", "nesting"), ("training.epochs=" + "[" * 20_000, "TOML value"), ("result.x=1", "result"),
        ("training.epochs=1_000_000_000_000_000_000_000", "64 bits"), ('space."\\q"=1', "space"),
    ):  # fmt: skip
        yield Case(f"--set {given[:40]!r}", ("run", "s.toml", "--set", given), word, {"s.toml": STUDY})


def _tables() -> Iterator[Case]:
    """CSV files, and what a study says of them."""
    csv = 'source = "csv"\npath = "t.csv"\ntarget = "y"'
    contents: dict[str, tuple[str | bytes | Callable[[], bytes], str]] = {
        "empty": ("", "empty"), "blank": ("\n\n \n", "header"), "a header only": ("a,b,y\n", "header"),
        "one row": ("a,b,y\n1,2,3\n", "row"), "no target": ("a,b,c\n1,2,3\n4,5,6\n", "y"),
        "the target alone": ("y\n1\n2\n", "feature"), "a short line": (ROWS + "1,2\n", "fields"),
        "a long line": (ROWS + "1,2,3,4\n", "fields"), "an open quote": (ROWS + '"1,2,3\n', "CSV"),
        "a quote inside": (ROWS + '"a"b,2,yes\n', "CSV"), "zero bytes": (ROWS.encode() + b"1,\0,yes\n", "zero byte"),
        "latin-1": (ROWS.encode() + "Köln,1,yes\n".encode("latin-1"), "UTF-8"),
        "cut utf-16": (ROWS.encode("utf-16")[:-1], "utf-16"), "noise": (np.random.default_rng(2).bytes(999), "t.csv"),
        "names twice": ("a,a,y\n" + "1,2,3\n" * 9, "repeatedly"),
        "a name missing": ("a,,y\n" + "1,x,3\n" * 9, "name"),
        "infinities": (ROWS + "inf,1,yes\n", "finite"), "too large a number": (ROWS + "1e300,1,yes\n", "float32"),
        "one class": ("a,y\n" + "".join(f"{number},no\n" for number in range(20)), "class"),
        "missing targets": (ROWS + "1,2,\n", "text"), "text among numbers": (ROWS + "x,2,yes\n", "number"),
        "empty columns": ("a,y\n" + ",1\n,2\n" * 9, "values"), "a long field": ("a,y\n" + "x" * 200_000, "field"),
        "numbers for names": ("1,2,3\n" * 9, "header"), "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "t.csv"),
        "a zip file": (lambda: _archive(x=np.ones(3)), "t.csv"), "html": ("<html><body>404</body></html>", "header"),
        "json": ('[{"a": 1, "y": 2},\n {"a": 2, "y": 3}]', "y"),
        "long digits": (",y\n" + f"{'1' * 5000},1\n" * 3, "y"),
    }  # fmt: skip
    for name, (content, word) in contents.items():
        yield Case(f"csv file with {name}", ("check", "s.toml"), word, {"s.toml": study_of(csv), "t.csv": content})
    for more, word in (
        ('columns = ["c"]', "c"), ('drop = ["c"]', "drop"), ('drop = ["a", "b"]', "learn"), ('dates = ["a"]', "date"),
        ('dates = { a = "%Q" }', "a"), ('weight = "c"', "weight"), ('weight = "y"', "another column"),
        ('decimal = ";"', "decimal"),
        ('separator = ",,"', "separator"), ('separator = ""', "separator"), ('separator = "\\n"', "column"),
        ('separator = "\\""', "column"), ('encoding = "utf-99"', "encoding"), ('encoding = "base64"', "encoding"),
        ('encoding = "utf-32"', "utf-32"), ('missing = "guess"', "missing"), ("min_frequency = 0", "min_frequency"),
        ('target_encode = ["c"]', "target_encode"), ("na_values = 3", "na_values"), ("shape = [7]", "shape"),
        ('inputs = { one = ["a"], two = ["c"] }', "c"), ('task = "regression"', "number"),
        ("scale_target = 3", "scale"),
        ("memory_gib = -1", "memory_gib"), ('encoding = "\\u0000"', "encoding"), ("unknown = 1", "unknown"),
    ):  # fmt: skip
        files = {"s.toml": study_of(f"{csv}\n{more}"), "t.csv": ROWS}
        yield Case(f"csv file read with {more}", ("run", "s.toml"), word, files)
    for path, content in (
        ("no.csv", None),
        ("t.csv", FOLDER),
        ("", None),
        ("\\u0000", None),
        ("/", None),
        ("x" * 999, None),
    ):
        study = study_of(csv.replace("t.csv", path))
        files = {"s.toml": study} | ({} if content is None else {path: content})
        yield Case(f"csv file named {path[:20]!r}", ("check", "s.toml"), "path", files)


def _archive(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def _members(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _lying() -> bytes:
    """An array whose header says that it is larger than any memory."""
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
    np.lib.format.write_array_header_1_0(stream, header)
    return _members(x=stream.getvalue() + bytes(64), y=stream.getvalue())


_CALL = b"__import__('os').getcwd()".ljust(32)


def _archives() -> Iterator[Case]:
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    whole = _archive(x=x, y=y)
    makers: dict[str, tuple[Callable[[], bytes] | bytes, str]] = {
        "nothing": (b"", "npz"), "noise": (np.random.default_rng(3).bytes(400), "npz"),
        "no arrays": (_archive(), "y"),
        "half of it": (whole[: len(whole) // 2], "npz"), "its end only": (whole[-30:], "npz"),
        "no target": (_archive(x=x), "y"), "no features": (_archive(y=y), "x"),
        "other names": (_archive(a=x, b=y), "x"),
        "fewer targets": (_archive(x=x, y=y[:9]), "target"), "flat features": (_archive(x=x[:, 0], y=y), "reshape"),
        "one row": (_archive(x=x[:1], y=y[:1]), "rows"), "no rows": (_archive(x=x[:0], y=y[:0]), "rows"),
        "no columns": (_archive(x=x[:, :0], y=y), "feature"), "a number": (_archive(x=np.float64(1), y=y), "shape"),
        "text": (_archive(x=x.astype(str), y=y), "numbers"),
        "NaN": (_archive(x=np.where(x == 3, np.nan, x), y=y), "finite"),
        "infinity": (_archive(x=np.where(x == 3, np.inf, x), y=y), "finite"),
        "float64": (_archive(x=x * 1e300, y=y), "float32"), "complex": (_archive(x=x * 1j, y=y), "numbers"),
        "dates": (_archive(x=x.astype("datetime64[D]"), y=y), "numbers"),
        "one class": (_archive(x=x, y=y * 0), "class"),
        "pickles": (_archive(x=np.array([[{}], [{}]]), y=[0, 1]), "pickle"), "a lie": (_lying, "npz"),
        "other bytes": (_members(x=b"text", y=b"text"), "array"),
        "half a header": (_members(x=b"\x93NUMPY\x01", y=b""), "npz"),
        "code in a header": (_members(x=b"\x93NUMPY\x01\x00\x20\x00" + _CALL, y=b""), "npz"),
        "NaN targets": (_archive(x=x, y=np.where(y == 1, np.nan, 0.5)), "target"),
        "two tables": (_archive(x_columns="[]", y=y), "x"),
        "a table of no JSON": (_archive(x_columns="{", y=y), "JSON"),
        "a lost column": (_archive(x_columns='["a"]', y=y), "x_0"),
        "odd columns": (_archive(x_columns='["a", "b"]', x_0=x[:, 0], x_1=x[:5, 0], y=y), "x_1"),
        "parts that differ": (_archive(x_train=x, y_train=y, x_test=x[:, :1], y_test=y), "shape"),
        "inputs that differ": (_archive(x_a=x, x_b=x[:5], y=y), "rows"),
    }  # fmt: skip
    study = study_of('source = "npz"\npath = "t.npz"')
    for name, (content, word) in makers.items():
        yield Case(f"npz archive of {name}", ("check", "s.toml"), word, {"s.toml": study, "t.npz": content})
    for more, word in (
        ('weight = "w"', "w"),
        ("shape = [3]", "shape"),
        ('target = "y"', "target"),
        ('columns = ["a"]', "columns"),
    ):
        study = study_of(f'source = "npz"\npath = "t.npz"\n{more}')
        yield Case(f"npz archive read with {more}", ("run", "s.toml"), word, {"s.toml": study, "t.npz": whole})


def _parquet_files() -> Iterator[Case]:
    def made(**columns: object) -> bytes:
        return bytes(pd.DataFrame(columns).to_parquet())

    whole, study = made(a=[1.0, 2.0] * 9, y=["no", "yes"] * 9), 'source = "parquet"\npath = "t.parquet"\ntarget = "y"'
    for name, content, word in (
        ("nothing", b"", "parquet"), ("noise", np.random.default_rng(4).bytes(400), "parquet"),
        ("half", whole[:200], "parquet"),
        ("its end", whole[-40:], "parquet"), ("a csv file", ROWS.encode(), "parquet"),
        ("no rows", made(a=[], y=[]), "values"),
        ("no target", made(a=[1, 2]), "y"), ("lists", made(a=[[1], [2]] * 9, y=[0, 1] * 9), "a"),
        ("bytes", made(a=[b"1", b"2"] * 9, y=[0, 1] * 9), "a"),
        ("lost targets", made(a=[1, 2] * 9, y=[None, "a"] * 9), "y"),
        ("an infinity", made(a=[np.inf, 1.0] * 9, y=[0, 1] * 9), "a"), ("magic alone", b"PAR1PAR1PAR1", "parquet"),
    ):  # fmt: skip
        yield Case(
            f"parquet file of {name}", ("check", "s.toml"), word, {"s.toml": study_of(study), "t.parquet": content}
        )


def _pictures() -> Iterator[Case]:
    """Folders of pictures that are refused before TensorFlow is asked."""
    two = {"p": FOLDER, "p/a": FOLDER, "p/b": FOLDER, "p/a/1.png": b"no picture", "p/b/1.png": b""}
    for name, files, more, word in (
        ("that is not there", {}, "shape = [8, 8]", "folder"),
        ("that is a file", {"p": b""}, "shape = [8, 8]", "folder"),
        ("without pictures", {"p": FOLDER, "p/a": FOLDER}, "shape = [8, 8]", "two classes"),
        ("without a shape", two, "", "shape"),
        ("of one class", {"p": FOLDER, "p/a": FOLDER, "p/a/1.png": b""}, "shape = [8, 8]", "two classes"),
        ("of two colors", two, "shape = [8, 8, 2]", "shape"),
        ("of large ones", two, "shape = [100000, 100000]", "2 GiB"),
        ("of long numbers", two, "shape = [9999999999999, 9999999999999, 3]", "2 GiB"),
        ("with a target", two, 'target = "y"', "target"),
    ):  # fmt: skip
        study = study_of(f'source = "images"\npath = "p"\n{more}')
        yield Case(f"folder of pictures {name}", ("check", "s.toml"), word, {"s.toml": study, **files})


def _models() -> Iterator[Case]:
    def archive(**members: str) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as content:
            for name, text in members.items():
                content.writestr(name.replace("__", "."), text)
        return stream.getvalue()

    empty = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": []}})
    study = STUDY.replace('family = "mlp"\nhidden = [4]', 'keras = "m.keras"')
    for name, content in (
        ("nothing", b""), ("noise", np.random.default_rng(5).bytes(400)), ("an empty archive", archive()),
        ("no weights", archive(config__json=empty)), ("no JSON", archive(config__json="{", metadata__json="{}")),
        ("a list", archive(config__json="[]")), ("a deep document", archive(config__json="[" * 100_000)),
        ("an h5 file", b"\x89HDF\r\n\x1a\n" + bytes(90)), ("text", b"a model"),
        ("a number", archive(config__json="1")),
        ("a class of nobody's", archive(config__json=json.dumps({"class_name": "os.system", "config": {}}))),
    ):  # fmt: skip
        files = {"s.toml": study, "m.keras": content, "t.csv": ROWS}
        yield Case(f"run of a model of {name}", ("run", "s.toml"), "[model]", files)
        arguments = ("init", "--model", "m.keras", "--data", "t.csv", "--target", "y")
        yield Case(f"init of a model of {name}", arguments, "--model", files)
        yield Case(f"predict of a model of {name}", ("predict", "m.keras", "t.csv"), "expected", files)


def _code() -> Iterator[Case]:
    for name, text, word in (
        ("no Python", "def f(", "f.py"), ("no such function", "g = 1", "f"), ("no function", "f = 1", "f"),
        ("an error", "1 / 0", "ZeroDivisionError"), ("an exit", "raise SystemExit(0)", "f.py"),
        ("one value", "def f(): return 1", "f"), ("no end", "while True: pass", "within 3 s"),
    ):  # fmt: skip
        study = study_of('source = "f.py:f"\ntimeout_seconds = 3')
        yield Case(f"data function in a file of {name}", ("run", "s.toml"), word, {"s.toml": study, "f.py": text})
    for named in ("f.py", "f.py:", ":f", "../f.py:f", "f.py:a.b", "f.txt:f"):
        study = study_of(f'source = "{named}"')
        yield Case(
            f"data function named {named}",
            ("run", "s.toml"),
            "source" if ".." not in named else "f.py",
            {"s.toml": study},
        )


def _addresses() -> Iterator[Case]:
    for url, word, code in (
        ("x", "URL", 2), ("sqlite", "URL", 2), ("sqlite:/x.db", "URL", 2), ("mysql://a/b", "mysql", 2),
        ("://", "URL", 2),
        ("oracle://a", "oracle", 2), ("http://example.org", "http", 2), ("sqlite://", "sqlite", 2), (" ", "URL", 2),
        ("sqlite:///:memory:", "memory", 2), ("postgresql://", "storage", 3), ("sqlite:///no/x.db", "folder", 3),
        ("sqlite:///f", "folder", 3), ("sqlite:///notes.txt", "not a database", 3),
        ("sqlite:///empty.db", "Optuna", 3),
        ("postgresql://u:p@127.0.0.1:1/x", "refused", 3), ("postgresql://u@nowhere.invalid/x", "nowhere.invalid", 3),
        ("sqlite:///x.db", "expected the file", 3), ("sqlite:///x.db?mode=odd", "mode", 3),
        ("postgresql+nope://a/b", "nope", 2),
        ("postgresql://u@127.0.0.1:99999999/x", "port", 3), ("sqlite:///" + "x" * 5000, "name", 3),
        ("sqlite:///a\0b", "sqlite", 2),
        ("postgresql://[::1/x", "URL", 2), ("sqlite:///x.db?timeout=soon", "timeout", 2),
    ):  # fmt: skip
        files = {"f": FOLDER, "notes.txt": "Dear diary, " * 500, "empty.db": ""}
        for arguments in (("studies",), ("best", "moons")):
            yield Case(f"{arguments[0]} in {url[:40]!r}", (*arguments, "--storage", url), word, files, code)


def _command_lines() -> Iterator[Case]:
    for line, word in (
        ("rnu", "run"), ("run", "STUDY"), ("run a b", "b"), ("run s.toml --n-trials x", "n-trials"),
        ("run s.toml --bad", "--bad"),
        ("run s.toml --n-trials 0", "n-trials"), ("run s.toml --seed -1", "seed"),
        ("run s.toml --timeout nan", "timeout"),
        ("run s.toml --timeout 0", "timeout"), ("run s.toml --n-jobs -1", "n-jobs"),
        ("run s.toml --n-jobs x", "n-jobs"),
        ("run s.toml --study-name ../x", "name"), ("run s.toml --set", "--set"), ("check", "STUDY"),
        ("check --train", "STUDY"),
        ("best", "NAME"), ("best a --format xml", "format"), ("trials a --format yaml", "format"), ("status", "NAME"),
        ("compare", "NAME"), ("export a --format pickle", "format"), ("export a --trial -1", "trial"),
        ("export", "NAME"),
        ("plot a --kind pie", "kind"), ("path a --points 1", "points"), ("path a --low x", "low"),
        ("watch a --interval 0", "interval"),
        ("dashboard --port 99999", "port"), ("dashboard --port x", "port"), ("completion cmd", "cmd"),
        ("report", "NAME"),
        ("init", "--model"), ("init --model mlp", "--data"), ("init --model mlp --data no.csv --target y", "no.csv"),
        ("init --model mlpp --data t.csv --target y", "mlpp"), ("init --model mlp --data t.csv --target z", "z"),
        ("init --model mlp --data t.csv", "target"),
        ("init --model mlp --data t.csv --target y -o s.toml", "--force"),
        ("init --model mlp --data t.csv --target y -o no/s.toml", "t.csv"),
        ("init --model mlp --data s.toml --target y", "s.toml"),
        ("predict", "MODEL"), ("predict no.keras t.csv", "no.keras"), ("predict s.toml t.csv", "s.toml"),
        ("predict . t.csv", "'.'"),
        ("--versio", "--version"), ("-x", "-x"), ("run s.toml -q -q --what", "--what"),
        ("run s.toml --scheduler", "--scheduler"),
    ):  # fmt: skip
        yield Case(f"regsearch {line}", tuple(line.split()), word, {"s.toml": STUDY, "t.csv": ROWS})


def _rows_to_predict() -> Iterator[Case]:
    for name in ("no.csv", "f", "t.npz", "x.txt"):
        files = {"f": FOLDER, "t.npz": b"", "x.txt": "", "m.keras": b"no model"}
        yield Case(f"rows to predict in {name}", ("predict", "m.keras", name), "", files)
