"""The sources that run in a child process: keras.NAME, with a stub for Keras, and the user's own function."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

pytestmark = pytest.mark.usefixtures("cold_children")


@pytest.fixture
def stub_keras(tmp_path, monkeypatch):
    """A package `keras` that the child finds before the real one, with `load_data` of `mnist` as given."""

    def stub(body):
        package = tmp_path / "stub" / "keras" / "datasets"
        package.mkdir(parents=True)
        (package.parent / "__init__.py").write_text("")
        (package / "__init__.py").write_text("")
        (package / "mnist.py").write_text("import numpy as np\n" + textwrap.dedent(body))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))

    return stub


@pytest.fixture
def module(tmp_path):
    def module(body, name="mine.py"):
        (tmp_path / name).write_text(textwrap.dedent(body))

    return module


def test_keras_parts_are_joined_and_bytes_scaled(stub_keras, read, monkeypatch):
    for name in ("keras", "tensorflow"):  # other tests of this process may have imported them
        monkeypatch.delitem(sys.modules, name, raising=False)
    stub_keras("""
        def load_data(shift=0):
            x = np.arange(24, dtype=np.uint8).reshape(6, 2, 2) + np.uint8(shift)
            y = np.array([[4], [7], [4], [7], [4], [7]], dtype=np.uint8)
            return (x[:4], y[:4]), (x[4:], y[4:])
    """)
    dataset = read(source="keras.mnist", options={"shift": 1})
    assert dataset.features.shape == (6, 2, 2)
    assert dataset.features[5, 1, 1] * 255 == pytest.approx(24)
    assert dataset.target.tolist() == [0, 1, 0, 1, 0, 1]
    assert dataset.classes == ("4", "7")
    assert not {"keras", "tensorflow"} & set(sys.modules)


def test_a_failed_download_of_keras_is_explained(stub_keras, refusal):
    stub_keras("""
        def load_data():
            raise Exception("URL fetch failure on mnist.npz: None -- Name or service not known")
    """)
    assert refusal(source="keras.mnist") == [
        "[data]: expected keras.datasets.mnist to load its data, received Exception: URL fetch failure on "
        "mnist.npz: None -- Name or service not known. Check options and the network, or use an npz file."
    ]


def test_keras_names_are_checked_before_anything_is_started(refusal, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    assert refusal(source="keras.mnst") == [
        '[data]: expected a data set of keras.datasets, received "keras.mnst". Did you mean "keras.mnist"?'
    ]
    assert refusal(source="keras.imdb") == [
        "[data]: expected a data set whose rows have one shape, received keras.imdb: lists of words. "
        'Pad the lists in a function of your own: "FILE.py:function".'
    ]


def test_keras_never_meets_a_file_of_the_user(refusal, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    assert refusal(source="keras.mnist", options={"path": "/home/me/mnist.npz"}) == [
        "[data]: expected no option path for keras.mnist, received '/home/me/mnist.npz'. "
        "For a file of your own write data.path."
    ]


@pytest.mark.parametrize("layout", [("x", "y"), ("x_train", "y_train", "x_test", "y_test")])
def test_keras_set_is_read_from_a_local_file_without_keras(tmp_path, read, monkeypatch, layout):
    monkeypatch.setattr("subprocess.Popen", None)
    parts = {name: np.arange(4.0) % 2 if name[0] == "y" else np.full((4, 2, 2), 255, np.uint8) for name in layout}
    np.savez(tmp_path / "mine.npz", **parts)
    dataset = read(source="keras.mnist", path="mine.npz")
    assert dataset.features.shape == (4 * len(layout) // 2, 2, 2)
    assert dataset.features.max() == 1
    assert (tmp_path / "mine.npz").exists()


def test_a_function_returns_arrays(module, read):
    module("HELP = 3", name="helper.py")
    module("""
        import os
        from helper import HELP

        def load(rows, first=0.0):
            print("this goes nowhere")
            assert os.path.exists("helper.py")
            return [[first + number, HELP] for number in range(rows)], ["a", "b"] * (rows // 2)
    """)
    dataset = read(source="mine.py:load", options={"rows": 4, "first": 0.5})
    assert dataset.features.tolist() == [[0.5, 3], [1.5, 3], [2.5, 3], [3.5, 3]]
    assert dataset.classes == ("a", "b")
    assert dataset.notes == ("1 of 2 features never change: 1.",)
    assert "helper" not in sys.modules


def test_a_function_returns_a_frame_and_a_series(module, read):
    module("""
        import pandas as pd

        def load():
            table = pd.DataFrame({"n": [1, 2, 3, 4], "flag": [True, False, True, True], "t": list("uvuv")})
            table["kind"] = table["t"].astype("category")
            return table, pd.Series([0, 1, 0, 1], name="target")
    """)
    dataset = read(source="mine.py:load")
    assert {name: str(dtype) for name, dtype in dataset.features.dtypes.items()} == {
        "n": "float64",
        "flag": "float64",
        "t": "object",
        "kind": "object",
    }
    assert (dataset.task, dataset.standardize) == ("binary", True)


def test_a_function_may_be_in_a_file_called_like_a_module_in_use(module, read):
    module("def load():\n    return [[1.0], [2.0]], [0.5, 1.5]\n", name="json.py")
    assert read(source="json.py:load").task == "regression"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("x = 1", 'mine.py: expected a function "load", received none.'),
        ("def lod(): ...", 'mine.py: expected a function "load", received none. Did you mean "lod"?'),
        (
            "def load():\n    return inner()\n\ndef inner():\n    return {}['key']",
            "mine.py:5: expected load to return (x, y), received KeyError: 'key'.",
        ),
        (
            "import numpy as np\ndef load():\n    return np.zeros(3).reshape(2, 2)",
            "mine.py:3: expected load to return (x, y), received ValueError: cannot reshape array of size 3 "
            "into shape (2,2).",
        ),
        (
            "def load():\n    import sys\n    sys.exit('no data today')",
            "mine.py:3: expected load to return (x, y), received SystemExit: no data today.",
        ),
        ("def load(:\n", "mine.py:1: expected load to return (x, y), received SyntaxError: invalid syntax."),
        (
            "import nowhere_at_all",
            "mine.py:1: expected load to return (x, y), received ModuleNotFoundError: "
            "No module named 'nowhere_at_all'.",
        ),
        ("def load():\n    return 7", "mine.py:1: expected load to return (x, y), received int."),
        ("\ndef load():\n    return 1, 2, 3", "mine.py:2: expected load to return (x, y), received 3 values."),
        (
            "def load():\n    return [[1], [2, 3]], [0, 1]",
            "[data]: expected x to be one array, received rows of different shapes.",
        ),
        (
            "def load():\n    return [[1.0], [2.0]], None",
            "[data]: expected y to hold numbers only or text only, received NoneType.",
        ),
        (
            "import pandas as pd\ndef load():\n    return pd.DataFrame({'a': ['x', 2, 'y']}), [0, 1, 0]",
            '[data]: expected text in every row of column "a" of x, received 2 in row 1, counted from 0.',
        ),
        (
            "import pandas as pd\ndef load():\n    return pd.DataFrame({'a': ['x', None, 3]}), [0, 1, 0]",
            '[data]: expected text in every row of column "a" of x, received 3 in row 2, counted from 0.',
        ),
        (
            "import pandas as pd\ndef load():\n    return pd.DataFrame({'a': [1, 2, float('inf'), 3]}), [0, 1, 1, 0]",
            '[data] column "a": expected a finite number, received inf in row 2, counted from 0. Drop or fill it.',
        ),
    ],
)
def test_a_function_that_gives_no_data_is_explained(module, refusal, body, line):
    module(body)
    assert refusal(source="mine.py:load") == [line]


def test_missing_files_and_options_are_explained(module, refusal):
    module("def load(rows):\n    return rows")
    assert refusal(source="mini.py:load") == [
        '[data]: expected source to name a file, received "mini.py": no such file. Did you mean "mine.py"?'
    ]
    assert refusal(source="mine.py:load here") == [
        "[data]: expected source to be one of csv, parquet, npz, images, sklearn.NAME, keras.NAME, FILE.py:function, "
        'received "mine.py:load here".'
    ]
    assert refusal(source="mine.py:load", options={"row": 1}) == [
        "mine.py: expected load to return (x, y), received TypeError: load() got an unexpected keyword argument 'row'."
    ]


def test_a_child_that_dies_is_reported(module, refusal):
    module("""
        import os, signal, sys

        def run_out():
            os.kill(os.getpid(), signal.SIGKILL)

        def load():
            print("out of cheese", file=sys.stderr, flush=True)
            os._exit(9)
    """)
    assert refusal(source="mine.py:load") == [
        "[data]: expected data from a child process, received exit code 9: out of cheese."
    ]
    assert refusal(source="mine.py:run_out") == [
        "[data]: expected data from a child process, received its end by SIGKILL. Does the data fit into memory?"
    ]


def test_what_a_function_returns_cannot_run_code_here(module, refusal, tmp_path):
    module(f"""
        import numpy as np

        class Trap:
            def __reduce__(self):
                return open, ({str(tmp_path / "sprung")!r}, "w")

        def load():
            return np.array([[Trap()], [Trap()]]), [0, 1]
    """)
    assert refusal(source="mine.py:load") == ["[data]: expected x to hold numbers only or text only, received Trap."]
    assert not (tmp_path / "sprung").exists()


SLEEPS = """
    import os, pathlib, subprocess, sys, time

    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1e6)"])
    pathlib.Path("pids.part").write_text(f"{os.getpid()} {grandchild.pid}")
    os.rename("pids.part", "pids")

    def load():
        time.sleep(1e6)

    def load_at_once():
        return [[1.0], [2.0]], [0.5, 1.5]
"""


def wait_until(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"expected {what} within a minute"
        time.sleep(0.01)


def has_ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def expect_end_of(pids):
    """Wait for the end of the function's process, and of the one that it started."""
    child, grandchild = map(int, pids.read_text().split())
    wait_until(lambda: has_ended(child) and has_ended(grandchild), "the end of the child and the grandchild")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder in which temporary folders are made, empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_function_that_hangs_is_killed_with_all_that_it_started(module, refusal, tmp_path, temporary):
    module(SLEEPS)
    assert refusal(source="mine.py:load", timeout_seconds=4) == [
        "[data]: expected an answer of mine.py:load within 4 s, received none. "
        "Raise data.timeout_seconds if it needs more time."
    ]
    expect_end_of(tmp_path / "pids")
    assert list(temporary.iterdir()) == []


def test_a_keras_set_that_hangs_is_named(stub_keras, refusal):
    stub_keras("""
        def load_data():
            import time
            time.sleep(1e6)
    """)
    assert refusal(source="keras.mnist", timeout_seconds=1.5) == [
        "[data]: expected an answer of keras.datasets.mnist within 1.5 s, received none. "
        "Raise data.timeout_seconds if it needs more time."
    ]


def test_an_interrupt_kills_the_child_with_all_that_it_started(module, read, tmp_path, temporary):
    module(SLEEPS)

    def interrupt():
        wait_until((tmp_path / "pids").exists, "a child that sleeps")
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        read(source="mine.py:load")
    expect_end_of(tmp_path / "pids")
    assert list(temporary.iterdir()) == []


def test_the_child_ends_when_this_process_is_killed(module, tmp_path):
    module(SLEEPS)
    code = """
        import pathlib, sys
        from search.data import read_data
        from search.spec import DataSection
        read_data(DataSection(source="mine.py:load"), pathlib.Path(sys.argv[1]))
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), tmp_path], cwd=Path(__file__).parents[3])
    wait_until((tmp_path / "pids").exists, "a child that sleeps")
    parent.kill()
    parent.wait()
    expect_end_of(tmp_path / "pids")


def test_what_a_function_leaves_running_is_not_waited_for(module, read, tmp_path):
    module(SLEEPS)
    assert read(source="mine.py:load_at_once").target.tolist() == [0.5, 1.5]
    expect_end_of(tmp_path / "pids")


def test_a_frame_may_hold_dates_booleans_categories_and_gaps(module, read):
    module(
        """import pandas as pd
def load():
    return pd.DataFrame({
        "day": pd.to_datetime(["2020-01-01", None, "2021-03-04", "2021-03-05"]),
        "zoned": pd.to_datetime(["2020-01-01T01:00+01:00"] * 4, utc=True).tz_convert("Europe/Berlin"),
        "yes": [True, False, None, True],
        "sure": [True, False, True, True],
        "kind": pd.Categorical([1, 2, None, 1]),
        "text": ["a", None, "b", "a"],
        "number": pd.array([1, 2, None, 3], dtype="Int64"),
    }), [0, 1, 1, 0]
"""
    )
    features = read(source="mine.py:load").features
    kinds = {name: str(features[name].dtype) for name in features}
    assert kinds == {
        "day": "datetime64[us]",
        "zoned": "datetime64[us]",
        "yes": "float64",
        "sure": "float64",
        "kind": "object",
        "text": "object",
        "number": "float64",
    }
    assert features["day"].dt.day.tolist()[2:] == [4, 5]
    assert features["zoned"].dt.hour.tolist() == [0] * 4
    assert features["yes"].tolist()[:2] == [1, 0]
    assert features["kind"].tolist() == ["1", "2", None, "1"]
    assert features["text"].tolist() == ["a", None, "b", "a"]
    assert features.isna().sum().tolist() == [1, 0, 1, 0, 1, 1, 1]
