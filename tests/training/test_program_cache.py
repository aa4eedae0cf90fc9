"""Programs that were compiled once are found again by other processes, and by nobody else's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.training import program_cache
from search.training.program_cache import cache_flags

FEATURES = ("avx2", "fma")
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(program_cache.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept" / "programs"


def folder_of(flags):
    name, _, told = flags.partition("=")
    assert name == "--tf_xla_persistent_cache_directory"
    return Path(told)


def test_each_processor_and_each_flag_has_a_folder_of_its_own(folder):
    found = {
        folder_of(cache_flags("", flags, features))
        for flags, features in (("", FEATURES), ("--xla_a=1", FEATURES), ("", ("avx2",)), ("", reversed(FEATURES)))
    }
    assert {each.parent for each in found} == {folder}
    assert len(found) == 3
    assert all(each.stat().st_mode & 0o077 == 0 for each in found)


def test_what_the_user_asked_for_stays(folder):
    given = "--tf_xla_persistent_cache_directory=/mine --tf_xla_clustering_debug"
    assert cache_flags(given, "", FEATURES) == given
    assert cache_flags("--tf_xla_clustering_debug", "", FEATURES).startswith("--tf_xla_clustering_debug --tf_xla_pers")
    assert not Path("/mine").exists()


@pytest.mark.parametrize("told", ["", "with space", 'with"quote', "file/below"])
def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(program_cache.VARIABLE, told)
    assert cache_flags("", "", FEATURES) == ""


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_folder_into_which_others_write_is_not_read(folder, mode):
    found = folder_of(cache_flags("", "", FEATURES))
    found.chmod(mode)
    assert cache_flags("", "", FEATURES) == ""
    found.chmod(0o755)
    assert folder_of(cache_flags("", "", FEATURES)) == found


def test_folder_of_somebody_else_is_not_read(folder, monkeypatch):
    cache_flags("", "", FEATURES)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert cache_flags("", "", FEATURES) == ""


def test_what_was_used_least_recently_goes_first(folder, monkeypatch):
    monkeypatch.setattr(program_cache, "MOST_BYTES", 250)
    programs = []
    for number, flags in enumerate(("--xla_a=1", "--xla_a=2", "--xla_a=1", "--xla_a=2")):
        path = folder_of(cache_flags("", flags, FEATURES)) / f"xla_compile_cache__{number}.pb"
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 - number, 1000 - number))
        programs.append(path)
    (folder / "mine.txt").write_bytes(b"x" * 1000)
    cache_flags("", "", FEATURES)
    assert [path.exists() for path in programs] == [True, True, False, False]
    assert (folder / "mine.txt").exists()


TRAIN = """
import json, os, sys
from pathlib import Path
import search.training.imported  # once for all processes that are forked below
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
    return {path: path.stat().st_ino for path in sorted(Path(sys.argv[1]).rglob("xla_compile_cache*"))}

def step(widths):
    ending, beginning = os.pipe()
    if not os.fork():
        with os.fdopen(beginning, "w") as pipe:
            json.dump(train(widths), pipe)
        os._exit(0)
    os.close(beginning)
    with os.fdopen(ending) as pipe:
        told = json.load(pipe)
    os.wait()
    return dict(sorted(told.items())), {str(path): node for path, node in kept().items()}

steps = [step("57")]
if kept():
    steps.append(step("75"))
    short, garbled = kept()
    short.write_bytes(short.read_bytes()[:5000])
    garbled.write_bytes(bytes(byte ^ 255 for byte in garbled.read_bytes()))
    steps.append(step("57"))
print(json.dumps(steps))
"""


def train_in_processes(kept):
    """What processes say of two runs, one process after the other, and the programs that are kept after each."""
    own = {program_cache.VARIABLE: str(kept), "PYTHONPATH": str(CHECKOUT), "TF_XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRAIN, str(kept or "nowhere")],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=True,
    )
    return zip(*json.loads(done.stdout), strict=True)


def test_other_processes_find_programs_in_any_order_and_what_is_damaged_is_made_again(tmp_path):
    (expected,), _ = train_in_processes("")
    assert all(error is None for _, _, error in expected.values())
    found, (begun, reordered, mended) = train_in_processes(tmp_path)
    assert found == (expected, expected, expected)
    assert len(begun) == 2
    assert reordered == begun
    assert len(mended) == 2
    assert mended != begun
    assert all(Path(path).stat().st_size > 5000 for path in mended)
