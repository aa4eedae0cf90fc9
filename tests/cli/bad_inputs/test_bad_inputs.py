"""Whatever is given that no command can use, the answer is a sentence, and nothing is left behind."""

from __future__ import annotations

import contextlib
import io
import random
import signal
import subprocess
import sys
from unittest import mock

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from tests.cli.bad_inputs.cases import FOLDER, ROWS, STUDY, Case, corpus, study_of

CASES = list(corpus())


def put(folder, files):
    for name, content in files.items():
        path = folder / name
        if content is FOLDER:
            path.mkdir()
            continue
        content = content() if callable(content) else content
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def all_files(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@contextlib.contextmanager
def ended_after(seconds):
    """Whatever an input is, nobody waits for its refusal any longer."""

    def end(*_):
        raise TimeoutError(f"a command was busy for {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refuse(command, case, folder, codes=None):
    """Give a command what it cannot use, and look at what it says and leaves."""
    put(folder, case.files)
    before = all_files(folder)
    with ended_after(30):
        told = command.in_this_process(*case.arguments, cwd=folder)
    assert told.code in (codes or (case.code,)), told
    assert all_files(folder) == before
    if told.code:
        assert told.out == ""
        assert told.err.strip()
        assert "Traceback" not in told.err
        assert len(told.err) < 10_000
        assert case.word in told.err
    return told


@pytest.fixture(scope="module", autouse=True)
def no_process_begun():
    """`run` begins the process that workers are forked from before it reads a file, and ends it with what it says."""
    with begun_without_server():
        yield


def begun_without_server():
    return mock.patch("search.fork_server.fork_server", return_value=contextlib.nullcontext("spawn"))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input_is_refused_with_a_sentence(command, tmp_path, case):
    refuse(command, case, tmp_path)


_MEASURED = r"""
import contextlib, io, os, re, sys, tempfile
from pathlib import Path
from unittest import mock
from search.cli import main
from tests.cli.bad_inputs.test_bad_inputs import CASES, begun_without_server, put

asked = [case for case in CASES if any(word in case.name for word in sys.argv[1:])]
codes = set()
for case in asked:
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name), contextlib.redirect_stderr(io.StringIO()):
        put(Path(name), case.files)
        asked_for = mock.patch.object(sys, "argv", ["regsearch", *case.arguments])
        with asked_for, begun_without_server(), contextlib.suppress(SystemExit):
            main()
peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]  # of this program alone
print(len(asked), int(peak) // 1024)
"""


def test_no_bad_input_takes_a_gigabyte():
    large = ("a deep", "too large", "a long", "00000", "npz archive of", "csv file with", "folder of pictures")
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *large], capture_output=True, text=True, timeout=120, check=True
    )
    n_cases, mebibytes = map(int, done.stdout.split())
    assert n_cases > 60
    assert mebibytes < 1024


def test_names_of_cases_differ_and_are_many():
    assert len({case.name for case in CASES}) == len(CASES) >= 300


def _contents():
    """What is damaged: the study, its files, and the name of the one that is changed."""
    csv = study_of('source = "csv"\npath = "t.csv"\ntarget = "y"')
    npz, parquet = (csv.replace("csv", kind).replace('\ntarget = "y"', "" if kind == "npz" else '\ntarget = "y"')
                    for kind in ("npz", "parquet"))  # fmt: skip
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    frame = pd.DataFrame({"a": np.arange(20.0), "b": ["u", "v"] * 10, "y": y})
    arrays, table = io.BytesIO(), io.BytesIO()
    np.savez(arrays, x=x, y=y)
    np.savez(table, x_columns='["a", "b"]', x_0=x[:, 0], x_1=x[:, 1], y=y)
    exported = STUDY + '[result]\nverdict = "no gain"\nscore = 0.5\ndata = { sha256 = "0" }\n'
    return {
        "study": ({"s.toml": STUDY}, "s.toml"),
        "exported study": ({"s.toml": exported}, "s.toml"),
        "csv": ({"s.toml": csv, "t.csv": ROWS}, "t.csv"),
        "quoted csv": ({"s.toml": csv, "t.csv": ROWS.replace("no", '"n ""o"'), "y": ""}, "t.csv"),
        "npz": ({"s.toml": npz, "t.npz": arrays.getvalue()}, "t.npz"),
        "table in npz": ({"s.toml": npz, "t.npz": table.getvalue()}, "t.npz"),
        "parquet": ({"s.toml": parquet, "t.parquet": frame.to_parquet()}, "t.parquet"),
    }


CONTENTS = _contents()
DAMAGES = ("bit 1", "bit 4", "bit 32", "letter 1", "letter 4", "letter 32", "cut", "noise", "twice", "left out")


def damaged(content, seed, kind):
    rng, changed = random.Random(seed), bytearray(content.encode() if isinstance(content, str) else content)
    first, last = sorted(rng.choices(range(len(changed)), k=2))
    if kind == "cut":
        return bytes(changed[:first])
    if kind == "noise":
        changed[first:last] = rng.randbytes(last - first)
    elif kind == "twice":
        changed[first:first] = changed[first:last]
    elif kind == "left out":
        del changed[first:last]
    else:
        for place in rng.choices(range(len(changed)), k=int(kind.partition(" ")[2])):
            changed[place] = (
                changed[place] ^ 1 << rng.randrange(8) if kind.startswith("bit") else rng.randrange(32, 127)
            )
    return bytes(changed)


generated = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], max_examples=120
)


def emptied(folder):
    for path in folder.iterdir():
        path.unlink()
    return folder


@hypothesis.given(seed=st.integers(0, 10**9), what=st.sampled_from(sorted(CONTENTS)), kind=st.sampled_from(DAMAGES))
@generated
def test_damaged_file_is_read_or_refused_with_a_sentence(command, tmp_path, seed, what, kind):
    files, changed = CONTENTS[what]
    files = {**files, changed: damaged(files[changed], seed, kind)}
    refuse(command, Case(what, ("check", "s.toml"), "expected ", files), emptied(tmp_path), codes=(0, 2))


cells = st.sampled_from([
    "1", "2.5", "-3e4", "a", "b", " x ", "", "NA", "?", "1,5", '"q"', '"a\nb"', '"un', 'x"y', "inf", "1e400",
    "2024-01-01",
    "\u00a0", "é", "1_0", "9" * 30, "9" * 400, "\u2028", "\x85", "yes", "no", "1e-320", "=1+1", "0x1F", "١٢", "\r",
    "\ud800",
])  # fmt: skip
SETTINGS = (
    "", 'decimal = ","', 'missing = "error"', 'na_values = ["?"]', 'encoding = "utf-7"', 'task = "regression"',
    'task = "classification"', 'separator = ";"', "shape = [2]",
    'target_encode = ["a"]', 'dates = ["a"]', 'weight = "b"',
    'encoding = "unicode_escape"', 'encoding = "idna"', 'encoding = "utf-16-le"', 'drop = ["a"]', "min_frequency = 2",
)  # fmt: skip


@hypothesis.given(
    rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8),
    separator=st.sampled_from(",;\t|"),
    setting=st.sampled_from(SETTINGS),
)
@generated
def test_any_table_is_read_or_refused_with_a_sentence(command, tmp_path, rows, separator, setting):
    table = "\n".join(separator.join(row) for row in [["a", "b", "y"], *rows]).encode(errors="surrogatepass")
    study = study_of(f'source = "csv"\npath = "t.csv"\ntarget = "y"\n{setting}')
    case = Case("table", ("check", "s.toml"), "expected ", {"s.toml": study, "t.csv": table})
    refuse(command, case, emptied(tmp_path), codes=(0, 2))


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
arrays = st.builds(
    lambda shape, kind: np.resize(np.array([0, 1, 2, 0, 1]), shape).astype(kind),
    shapes | st.sampled_from([(6,), (6, 2), (6, 1), (6, 2, 2)]),
    st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?", "U3", "S3", "c16", "M8[s]", "m8[s]", "i4,f4"]),
)
members = st.sampled_from(["x", "y", "x_a", "x_b", "y_a", "y_b", "x_train", "x_test", "y_train", "y_test", "w"])


@hypothesis.given(content=st.dictionaries(members, arrays, min_size=1, max_size=5), weighted=st.booleans())
@generated
def test_any_arrays_are_read_or_refused_with_a_sentence(command, tmp_path, content, weighted):
    stream = io.BytesIO()
    np.savez(stream, **content)
    study = study_of('source = "npz"\npath = "t.npz"' + '\nweight = "w"' * weighted)
    case = Case("arrays", ("check", "s.toml"), "expected ", {"s.toml": study, "t.npz": stream.getvalue()})
    refuse(command, case, emptied(tmp_path), codes=(0, 2))


urls = (
    st.text(max_size=30) | st.text(max_size=30).map("sqlite:///{}".format) | st.text(max_size=20).map("a{}://x".format)
)
words = st.sampled_from([
    "check", "best", "status", "trials", "export", "plot", "report", "predict", "init", "compare", "--help",
    "--storage",
    "--format", "--set", "-o", "--kind", "--model", "--data", "--target", "mlp", "json", "x", "--trial", "-1", "1e9",
    "--", "-q",
])  # fmt: skip


@hypothesis.given(url=urls)
@generated
def test_any_url_is_refused_with_a_sentence(command, tmp_path, url):
    hypothesis.assume(not url.startswith("postgres") and "\0" not in url)
    case = Case("url", ("best", "moons", "--storage", url), "", {})
    refuse(command, case, emptied(tmp_path), codes=(2, 3))


@hypothesis.given(arguments=st.lists(words | st.text(max_size=8), min_size=1, max_size=7))
@generated
def test_any_command_line_is_refused_with_a_sentence(command, tmp_path, arguments):
    # What stands first is one that neither trains nor serves.
    line = ("check" if arguments[0] not in COMMANDS else arguments[0], *arguments[1:])
    refuse(command, Case("line", line, "", {}), emptied(tmp_path), codes=(0, 2, 3))


COMMANDS = ("check", "best", "status", "trials", "export", "plot", "report", "predict", "compare")
