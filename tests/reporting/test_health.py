"""What `regsearch doctor` looks at: each part on machines and storages that are not as they should be."""

import json
import sqlite3
import sys

import optuna
import pytest

from search.fork_server import ONE_THREAD
from search.records import StudyFacts
from search.reporting.health import (
    check_database,
    check_devices,
    check_folders,
    check_machine,
    check_versions,
    devices,
    versions,
)
from search.reporting.health._base import size_in_words
from search.storage import open_storage

CPUINFO = """processor\t: 0
model name\t: Some Processor 9
flags\t\t: fpu {flags}
"""
MEMINFO = "MemTotal:       {total} kB\nMemFree:        1 kB\nMemAvailable:   {free} kB\n"


def told(findings):
    return {each.name: (each.mark, each.found, each.remedy) for each in findings}


# Versions


def test_every_package_that_is_needed_is_within_its_bounds_here():
    found = told(check_versions())
    assert {"Python", "regsearch", "tensorflow", "keras", "optuna", "optuna-dashboard", "sqlalchemy"} <= set(found)
    assert {mark for mark, _, _ in found.values()} == {"ok"}


def test_package_outside_its_bounds_or_missing_is_a_problem_with_a_remedy(monkeypatch):
    required = ["keras<3.16,>=3.15", "jinja2>=3.1.5,<4", "filelock>=3.20", "torch>=2.7; extra == 'gp'"]
    installed = {"regsearch": "1.2", "keras": "3.9.0", "filelock": "3.25"}

    def version(name):
        if name in installed or name not in ("keras", "jinja2", "filelock", "torch"):
            return installed.get(name, "1.0")
        raise versions.PackageNotFoundError(name)

    monkeypatch.setattr(versions, "requires", lambda name: required)
    monkeypatch.setattr(versions, "version", version)
    monkeypatch.setattr(versions, "metadata", lambda name: {"Requires-Python": ">=3.99"})
    monkeypatch.setattr(versions.platform, "python_version", lambda: "3.11.0")
    found = told(check_versions())
    assert found["Python"] == ("problem", "3.11.0, expected >=3.99", "Install one of these versions.")
    assert found["keras"] == (
        "problem",
        "3.9.0, expected <3.16,>=3.15",
        "Install it: pip install 'keras<3.16,>=3.15'.",
    )
    assert found["jinja2"] == ("problem", "not installed", "Install it: pip install 'jinja2<4,>=3.1.5'.")
    assert found["regsearch"] == ("ok", "1.2", "")
    assert not {"filelock", "torch"} & set(found)  # as it should be and not listed; of an extra


def test_checkout_that_is_not_installed_is_a_warning(monkeypatch):
    def missing(name):
        raise versions.PackageNotFoundError(name)

    monkeypatch.setattr(versions, "requires", missing)
    found = told(check_versions())
    assert found["regsearch"][:2] == ("warning", "a checkout that is not installed")
    assert found["optuna"] == ("ok", optuna.__version__, "")


# The machine


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`machine(...)`: the findings on a machine of that kind, with two usable cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    # Other tests of this process may have set them for training.
    for name in (*ONE_THREAD, "XLA_FLAGS", "TF_XLA_FLAGS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)

    def look(flags="avx avx2 fma", total=16 * 2**20, free=8 * 2**20, **limits):
        (tmp_path / "cpuinfo").write_text(CPUINFO.format(flags=flags))
        (tmp_path / "meminfo").write_text(MEMINFO.format(total=total, free=free))
        for name, text in limits.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return told(check_machine(proc=tmp_path, cgroup=tmp_path))

    return look


def test_machine_that_is_fit_is_described(machine):
    found = machine(flags="avx avx2 fma avx512f", cpu_max="max 100000\n", memory_max="max\n")
    assert found["processor"] == ("ok", "Some Processor 9, x86_64, AVX, AVX2, FMA, AVX-512", "")
    assert found["cores"] == ("ok", "2 usable of 8", "")
    assert found["memory"] == ("ok", "8.0 GiB free of 16 GiB", "")


def test_processor_without_what_tensorflow_needs_is_a_problem_and_a_slow_one_a_warning(machine):
    assert machine(flags="sse2")["processor"][:2] == ("problem", "Some Processor 9, x86_64, without AVX")
    assert machine(flags="avx")["processor"][:2] == ("warning", "Some Processor 9, x86_64, AVX, without AVX2 or FMA")


def test_limits_of_a_container_are_seen(machine):
    gib = 2**30
    found = machine(cpu_max="150000 100000\n", memory_max=f"{4 * gib}\n", memory_current=f"{3 * gib}\n")
    assert found["cores"] == (
        "warning",
        "2 usable of 8, time for 1.5 of them",
        "Run as many workers: --n-jobs 1. By default there is one a usable core.",
    )
    assert found["memory"] == (
        "warning",
        "1.0 GiB free of the 4.0 GiB that this container may use",
        "A worker takes about 1.0 GiB: run fewer, --n-jobs 1.",
    )


def test_environment_that_is_set_is_told(machine, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert machine()["environment"][1] == "OMP_NUM_THREADS=4; each worker computes with one thread"


def test_machine_that_tells_nothing_is_no_error(tmp_path):
    found = told(check_machine(proc=tmp_path / "no", cgroup=tmp_path / "no"))
    assert set(found) == {"processor", "cores", "environment"}


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(0, "0 bytes"), (1536, "1.5 KiB"), (20 * 2**20, "20 MiB"), (5000 * 2**30, "5000 GiB")]
)
def test_sizes_are_told_in_the_unit_that_suits_them(n_bytes, words):
    assert size_in_words(n_bytes) == words


# Folders


def test_cache_is_told_with_its_size(monkeypatch, tmp_path):
    (tmp_path / "cache" / "programs").mkdir(parents=True)
    (tmp_path / "cache" / "programs" / "a").write_bytes(b"x" * 2048)
    monkeypatch.setenv("REGSEARCH_CACHE", str(tmp_path / "cache"))
    assert told(check_folders())["cache"] == ("ok", f"{tmp_path / 'cache'}, 2.0 KiB", "")
    monkeypatch.setenv("REGSEARCH_CACHE", str(tmp_path / "later"))
    assert told(check_folders())["cache"] == ("ok", f"{tmp_path / 'later'}, not made yet", "")
    assert not (tmp_path / "later").exists()


def test_cache_that_is_none_or_a_file_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("REGSEARCH_CACHE", "")
    assert told(check_folders())["cache"][:2] == ("warning", "none, for REGSEARCH_CACHE is empty")
    (tmp_path / "file").touch()
    monkeypatch.setenv("REGSEARCH_CACHE", str(tmp_path / "file" / "cache"))
    mark, found, _ = told(check_folders())["cache"]
    assert (mark, found) == ("warning", f"{tmp_path / 'file' / 'cache'}, which may not be written")


# The storage


def test_storage_that_is_not_there_is_no_problem(tmp_path):
    url = f"sqlite:///{tmp_path}/no.db"
    assert told(check_database(url)) == {"database": ("ok", f"{url}, none yet: `regsearch run moons` makes it", "")}
    assert list(tmp_path.iterdir()) == []
    found = told(check_database(f"sqlite:///{tmp_path}/none/no.db"))
    assert found["database"][::2] == ("problem", f"Make {tmp_path}/none.")


def test_storage_is_described(storage_url, tmp_path):
    with open_storage(storage_url, create=True) as storage:
        storage.create_study("s", "minimize", "mse", {"space": {}}, "ab" * 32, StudyFacts("regression"), 1)
        found = told(check_database(storage_url))
        assert found["database"][0] == "ok"
        assert found["database"][1].startswith(f"{storage.url_shown}, ")
    assert found["Optuna's tables"][:1] + found["our tables"][:1] == ("ok", "ok")
    assert found["studies"] == ("ok", "1", "")
    assert ("journal" in found) == storage_url.startswith("sqlite")


def test_storage_of_plain_optuna_has_none_of_ours_yet(tmp_path):
    url = f"sqlite:///{tmp_path}/theirs.db"
    theirs = optuna.storages.RDBStorage(url)
    optuna.create_study(storage=theirs, study_name="theirs")
    theirs.remove_session()
    theirs.engine.dispose()
    found = told(check_database(url))
    assert found["our tables"] == ("ok", "none yet: `regsearch run` makes them", "")
    assert found["studies"][1] == "none yet: try `regsearch run moons`, and 1 made by other programs"


@pytest.mark.parametrize(
    ("table", "revision", "name", "mark", "remedy"),
    [
        (
            *("regsearch_version", "r0001", "our tables", "warning"),
            "They are read as they are; the next `regsearch run` upgrades them.",
        ),
        (
            *("regsearch_version", "r9999", "our tables", "problem"),
            "They were made by a newer regsearch; install that one, or name another database.",
        ),
        (
            *("alembic_version", "v2.6.0.a", "Optuna's tables", "problem"),
            "Back the database up, then upgrade it: optuna storage upgrade --storage URL.",
        ),
        (
            *("alembic_version", "v99.0.0.a", "Optuna's tables", "problem"),
            "Install a regsearch that knows this version, or name another database.",
        ),
    ],
)
def test_tables_of_another_version_are_told_with_what_becomes_of_them(tmp_path, table, revision, name, mark, remedy):
    path = tmp_path / "s.db"
    with open_storage(f"sqlite:///{path}", create=True):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE {table} SET version_num = '{revision}'")
    connection.commit()
    connection.close()
    found = told(check_database(f"sqlite:///{path}"))
    assert (found[name][0], found[name][2]) == (mark, remedy)
    assert found[name][1].startswith(f"version {revision}, expected ")


def test_damaged_storage_and_silent_server_are_problems_and_no_password_is_shown(tmp_path):
    (tmp_path / "bad.db").write_bytes(b"no database at all" * 100)
    found = told(check_database(f"sqlite:///{tmp_path}/bad.db"))["database"]
    assert (found[0], found[1]) == (
        "problem",
        f"sqlite:///{tmp_path}/bad.db: file is not a database. Name a SQLite file, or a new one.",
    )
    mark, said, _ = told(check_database("postgresql://me:secret@127.0.0.1:1/d"))["database"]
    assert mark == "problem"
    assert said.startswith("postgresql://127.0.0.1:1/d: ")
    assert "secret" not in said
    (finding,) = check_database("mysql://me:secret@h/d")
    assert (finding.mark, "secret" in f"{finding.found}{finding.name}") == ("problem", False)


def test_database_on_a_network_s_file_system_is_a_warning(tmp_path):
    with open_storage(f"sqlite:///{tmp_path}/s.db", create=True):
        pass
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\nother {tmp_path}/deeper ext4 rw 0 0\n")
    assert told(check_database(f"sqlite:///{tmp_path}/s.db", mounts))["file system"] == (
        "warning",
        "nfs4, over a network",
        "Locks of SQLite fail on many of these: take a local disk, or PostgreSQL.",
    )


# Devices


@pytest.fixture
def tensorflow(tmp_path, monkeypatch):
    """`tensorflow(script)`: what is found of a TensorFlow whose process does what a shell's script says."""

    def ask(script, seconds=30):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return told(check_devices(seconds))

    return ask


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 'ImportError: no libcuda' >&2; exit 1", "does not work: ImportError: no libcuda"),
        (
            "echo 'F0000 00:00:1.5   15379 parse.cc:234] Unknown flag in XLA_FLAGS: --x' >&2; kill -ABRT $$",
            "does not work: Unknown flag in XLA_FLAGS: --x",
        ),
        ("kill -ILL $$", "its process was ended by signal 4"),
        ("exit 3", "does not work: exit code 3"),
        ("echo nonsense", "does not work: exit code 0"),
    ],
)
def test_broken_tensorflow_is_a_line_and_not_the_end(tensorflow, script, found):
    assert tensorflow(script)["TensorFlow"][:2] == ("problem", found)


def test_tensorflow_that_hangs_is_given_up(tensorflow):
    assert tensorflow("exec sleep 60", seconds=0.2)["TensorFlow"][:2] == ("problem", "no answer within 0.2 s")


def test_gpus_that_tensorflow_cannot_use_are_a_warning(tensorflow, monkeypatch):
    def answer(gpus, computes):
        told = {"tensorflow": "2.21", "keras": "3.15", "gpus": gpus, "cuda": "12.5", "computes": computes}
        return f"echo '{json.dumps(told)}'"

    monkeypatch.setattr(devices, "list_gpus", lambda: ["0", "1"])
    found = tensorflow(answer([], computes=True))
    assert found["TensorFlow"] == ("ok", "2.21 with Keras 3.15 works, built for CUDA 12.5", "")
    assert found["GPU"][:2] == ("warning", "2, of which TensorFlow can use none")
    found = tensorflow(answer(["A100"], computes=False))
    assert found["TensorFlow"][0] == "problem"
    assert found["GPU"] == ("ok", "A100; a worker has one", "")
