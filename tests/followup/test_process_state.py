"""`search.tune` leaves the caller's process as it was, and says what it could not set up."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

BEGIN = """
import os, sys, warnings
import numpy as np
import keras, tensorflow as tf
"""

SNAPSHOT = """
import copy, gc, logging, random, signal, threading
import dask, dask.config, distributed, optuna, multiprocessing
from keras.src.backend.common import global_state
from tensorflow.python.eager import context
import search.followup.tune  # what is imported stays imported

LOGGERS = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]

def snapshot():
    eager = context.context()
    taken = {
        **{f"environment {name}": value for name, value in os.environ.items()},
        "folder": os.getcwd(),
        "path": list(sys.path),
        "standard streams": (id(sys.stdout), id(sys.stderr), os.fstat(1).st_ino, os.fstat(2).st_ino),
        "warnings": warnings.filters[:],
        "excepthooks": (sys.excepthook, threading.excepthook),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "numpy settings": (np.geterr(), np.get_printoptions()),
        "tensorflow seed": (eager._seed, getattr(eager, "_rng", None) and eager._rng.getstate()),
        "tensorflow threads": (
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ),
        "tensorflow options": tf.config.optimizer.get_experimental_options(),
        "tensorflow eagerness": (tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit()),
        "dtype policy": keras.config.dtype_policy().name,
        "floats": (keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()),
        "names": dict(global_state.get_global_attribute("object_name_uids")),
        "keras": sorted(vars(global_state.GLOBAL_STATE_TRACKER)),
        "keras seed": global_state.get_global_attribute("global_random_seed"),
        "custom objects": sorted(keras.saving.get_custom_objects()),
        "interactive logging": keras.config.is_interactive_logging_enabled(),
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "optuna": optuna.logging.get_verbosity(),
        "dask": copy.deepcopy(dask.config.config),
        **{
            f"logger {one.name}": (one.level, one.propagate, one.disabled, [handler.level for handler in one.handlers])
            for one in LOGGERS
        },
        "root logger": (logging.root.level, len(logging.root.handlers), logging.root.manager.disable),
        "signals": (signal.pthread_sigmask(signal.SIG_BLOCK, []), [signal.getsignal(s) for s in (2, 15)]),
        "children": multiprocessing.active_children(),
        "threads": [t.name for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()],
    }
    return {name: repr(value) for name, value in taken.items()}
"""

TUNE = """
keras.config.set_dtype_policy("mixed_bfloat16")
keras.utils.set_random_seed(7)
tf.random.uniform(())
keras.layers.Dense(1), keras.layers.Dense(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh", name="a", dtype="float32"),
                          keras.layers.Dense(1, "sigmoid", name="b", dtype="float32")])
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)

def tune(engine="graph", x=X, finalists=0, **more):
    import search
    space = {"l2": {"low": 1e-4, "high": 1e-1, "log": True}, "patience": {"low": 1, "high": 2}}
    settings = [
        "training.epochs=3", f'training.engine="{engine}"', 'split.validation={ method = "holdout" }',
        f"confirm.finalists={finalists}",
    ]
    return search.tune(model, x, Y, 3, space=space, settings=settings, verbose=0, **more)
"""

COMPARE = """
before = snapshot()
for call in CALLS:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eval(call)
        ended = "returned"
    except Exception as error:
        ended = type(error).__name__
    after = snapshot()
    names = [name for name in before | after if before.get(name) != after.get(name)]
    print((ended, {name: (str(before.get(name))[:300], str(after.get(name))[:300]) for name in names}))
    print((str(keras.layers.Dense(1).dtype_policy.name), keras.layers.Dense(1).name))
    before = snapshot()
"""


def run(code, tmp_path):
    """Run a script in a fresh process; the lines of its standard output, and what it wrote to standard error."""
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "XLA_", "KERAS_", "OPTUNA_"))}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """How several calls of `tune` in one process ended, what each left changed, and Keras' policy and next name."""
    calls = [
        "tune(finalists=1)",  # returns
        'tune("fit")',
        "tune(x=X[:5])",  # raises before anything is trained: a number of rows that is not that of the targets
        "fail()",  # raises when it has searched
    ]
    fail = """
def fail():
    from unittest import mock
    with mock.patch("search.followup.tune.refit", side_effect=KeyError("after the search")):
        tune()
"""
    code = BEGIN + SNAPSHOT + TUNE + fail + f"CALLS = {calls!r}\n" + COMPARE
    lines, _ = run(code, tmp_path_factory.mktemp("process"))
    return [ast.literal_eval(line) for line in lines]


def test_calls_end_as_they_are_meant_to(ends):
    assert [ended for ended, _ in ends[::2]] == ["returned", "returned", "DataError", "KeyError"]


def test_process_is_left_as_it_was(ends):
    assert [changed for _, changed in ends[::2]] == [{}] * 4


def test_names_and_dtype_policy_go_on_where_the_caller_was(ends):
    names = [f"dense_{2 * call + 3}" for call in range(4)]
    assert ends[1::2] == [("mixed_bfloat16", name) for name in names]


QUIET = """
import os
kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)  # what TensorFlow writes when the caller imports and uses it is the caller's
"""
LOUD = """
os.dup2(kept, 2)
"""


def test_nothing_of_tensorflow_s_log_is_on_the_screen(tmp_path):
    engines = 'for engine in ("compiled", "graph", "fit"):\n    tune(engine)\n'
    code = QUIET + BEGIN + TUNE + LOUD + 'warnings.simplefilter("ignore")\n' + engines
    _, errors = run(code, tmp_path)
    assert errors == ""


WARNED = """
import search.followup.tune as room
noted, run_study = [], room.run_study

def run_and_note(prepared, *more):
    noted.extend(prepared.notes)
    return run_study(prepared, *more)

room.run_study = run_and_note
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = tune(directory="kept")
cautions = [w for w in caught if issubclass(w.category, UserWarning)]  # not what Keras does when it saves a model
print([(f"{w.category.__module__}.{w.category.__name__}", w.filename == __file__, str(w.message)) for w in cautions])
print([note for note in noted if note.startswith("search.tune")])
"""
THREADS = """
tf.config.threading.set_intra_op_parallelism_threads({0})
tf.config.threading.set_inter_op_parallelism_threads({0})
"""


def test_threads_of_earlier_use_are_warned_of(tmp_path):
    lines, _ = run(BEGIN + THREADS.format(3) + TUNE + WARNED, tmp_path)
    sentence = (
        "search.tune: expected TensorFlow on one thread, received a process that has used it on 3: what is trained in "
        "this process may not repeat, as parallel sums round in any order; it is no less right. Call "
        "tf.config.threading.set_intra_op_parallelism_threads(1) and "
        "tf.config.threading.set_inter_op_parallelism_threads(1) before the first model is made."
    )
    assert ast.literal_eval(lines[-2]) == [("search.errors.RepeatabilityWarning", True, sentence)]
    assert ast.literal_eval(lines[-1]) == [sentence]


def test_process_that_was_set_up_as_the_warning_asks_is_not_warned(tmp_path):
    lines, _ = run(BEGIN + THREADS.format(1) + TUNE + WARNED, tmp_path)
    assert [ast.literal_eval(line) for line in lines[-2:]] == [[], []]
