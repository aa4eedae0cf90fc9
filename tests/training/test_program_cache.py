"""Programs that were compiled once are found again by other processes, and by nobody else's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.training import program_cache, user_cache
from search.training.program_cache import cache_flags, forget_memory, kept_programs

FLAG = "--tf_xla_persistent_cache_directory=ram://regsearch/programs"
IN_MEMORY = "ram://regsearch/programs"
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def kept(tmp_path, monkeypatch, keras):
    """The folder of programs, with none of other tests in memory."""
    forget_memory()
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept" / "programs"


def compile_into_memory(name, program=b"code"):
    """What XLA does."""
    import tensorflow as tf

    tf.io.gfile.makedirs(IN_MEMORY)
    with tf.io.gfile.GFile(f"{IN_MEMORY}/{name}", "wb") as file:
        file.write(program)


def in_memory():
    import tensorflow as tf

    return {name: tf.io.gfile.GFile(f"{IN_MEMORY}/{name}", "rb").read() for name in tf.io.gfile.listdir(IN_MEMORY)}


def under(key, flags="", features=("avx2", "fma")):
    return kept_programs(key, flags, features)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_flags_of_the_user_win_and_without_a_folder_there_are_none(monkeypatch):
    monkeypatch.setenv(user_cache.VARIABLE, "anywhere")
    given = "--tf_xla_persistent_cache_directory=/mine --tf_xla_clustering_debug"
    assert cache_flags(given) == given
    assert cache_flags("--tf_xla_clustering_debug") == f"--tf_xla_clustering_debug {FLAG}"
    monkeypatch.setenv(user_cache.VARIABLE, "")
    assert cache_flags("") == ""


def test_what_was_compiled_under_a_key_is_there_the_next_time_under_that_key_alone(kept):
    with under("first"):
        compile_into_memory("a", b"code of a")
        compile_into_memory("b", b"code of b")
    assert in_memory() == {}
    before = files(kept)
    with under("second"):
        assert in_memory() == {}
    with under("first"):
        assert in_memory() == {"a": b"code of a", "b": b"code of b"}
    assert in_memory() == {}
    assert files(kept) == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept.iterdir())


def test_each_processor_and_each_flag_has_programs_of_its_own(kept):
    for flags, features in (("", ("avx2", "fma")), ("--xla_a=1", ("avx2", "fma")), ("", ("avx2",))):
        with under("key", flags, features):
            assert in_memory() == {}
            compile_into_memory("a")
    assert len(list(kept.iterdir())) == 3
    with under("key", "", ("fma", "avx2")):
        assert in_memory() == {"a": b"code"}


def test_program_of_a_run_that_failed_is_kept_too(kept):
    def fail():
        with under("key"):
            compile_into_memory("a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with under("key"):
        assert in_memory() == {"a": b"code"}


def damaged(whole, kind):
    if kind == "garbled":
        return whole[:40] + bytes([whole[40] ^ 255]) + whole[41:]
    return whole[:-3] if kind == "short" else b""


@pytest.mark.parametrize("kind", ["short", "empty", "garbled"])
def test_damaged_program_is_not_taken_and_is_made_again(kept, kind):
    with under("key"):
        compile_into_memory("a", b"code" * 100)
    (path,) = files(kept)
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, kind))
    with under("key"):
        assert in_memory() == {}
        compile_into_memory("a", b"code" * 100)
    assert path.read_bytes() == whole


def test_disk_without_room_is_nobody_s_trouble(kept, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(user_cache.tempfile, "NamedTemporaryFile", full)
    with under("key"):
        compile_into_memory("a")
    assert files(kept) == []
    assert in_memory() == {}


@pytest.mark.parametrize("told", ["", "file/below"])
def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch, kept, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(user_cache.VARIABLE, told)
    with under("key"):
        compile_into_memory("a")
    assert [path.name for path in files(tmp_path)] == ["file"]
    forget_memory()
    assert in_memory() == {}


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_folder_into_which_others_write_is_not_read(kept, mode):
    with under("key"):
        compile_into_memory("a")
    (folder,) = kept.iterdir()
    folder.chmod(mode)
    user_cache._own_folder.cache_clear()
    with under("key"):
        assert in_memory() == {}


def test_folder_of_somebody_else_is_not_read(kept, monkeypatch):
    with under("key"):
        compile_into_memory("a")
    monkeypatch.setattr(os, "getuid", lambda: kept.stat().st_uid + 1)
    user_cache._own_folder.cache_clear()
    with under("key"):
        assert in_memory() == {}


def test_what_was_used_least_recently_goes_first(kept, monkeypatch):
    for number in range(4):
        with under(f"key {number}"):
            compile_into_memory("a", bytes(range(100)))
        (new,) = [path for path in files(kept) if path.stat().st_mtime > 1_000_000]
        os.utime(new, (1000 + number, 1000 + number))
    with under("key 0"):  # which makes it the latest
        pass
    (kept / "mine.txt").write_bytes(b"x" * 1000)
    monkeypatch.setattr(program_cache, "MOST_BYTES", 2.5 * files(kept)[0].stat().st_size)
    user_cache._own_folder.cache_clear()
    found = []
    for number in (0, 3, 2, 1):
        with under(f"key {number}"):
            found.append(bool(in_memory()))
    assert found == [True, True, False, False]
    assert (kept / "mine.txt").exists()


TRAIN = """
import json, os, resource, sys
from pathlib import Path
import search.dispatch.imported  # once for all processes that are forked below
from search.dispatch.tasks import process_session
from search.preparation.files import prepare_study
from search.records import Configuration

def train(widths):
    session, told = process_session(), {}
    for width in widths:
        settings = ["training.engine='compiled'", "training.epochs=20", f"model.hidden=[{width}]"]
        prepared = prepare_study("moons", settings)
        result = session.train(prepared.plan, prepared.run(1, 0, 0, Configuration({"l2": 1e-3})))
        told[width] = [result.score, [float(loss) for loss in result.curve.validation_loss], result.error]
    return told

def kept():
    return {str(path): path.stat().st_size for path in sorted(Path(sys.argv[1]).rglob("*")) if path.is_file()}

def step(widths, most_bytes=resource.RLIM_INFINITY):
    ending, beginning = os.pipe()
    if not os.fork():
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        with os.fdopen(beginning, "w") as pipe:
            json.dump(train(widths), pipe)
        os._exit(0)
    os.close(beginning)
    with os.fdopen(ending) as pipe:
        told = json.load(pipe)
    os.wait()
    return dict(sorted(told.items())), kept()

print(json.dumps([step("57", 1000), step("57"), step("75")]))
"""


def test_other_processes_find_programs_in_any_order_and_a_full_disk_costs_no_run(tmp_path):
    own = {user_cache.VARIABLE: str(tmp_path), "PYTHONPATH": str(CHECKOUT), "TF_XLA_FLAGS": "", "XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRAIN, str(tmp_path)],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=True,
    )
    told, (full, begun, reordered) = zip(*json.loads(done.stdout), strict=True)
    assert all(error is None for _, _, error in told[0].values())
    assert told == (told[0],) * 3
    assert full == {}
    assert len(begun) == 2
    assert reordered == begun
