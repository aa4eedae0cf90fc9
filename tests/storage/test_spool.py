"""What waits for a database comes back from the disk as it went there, and nothing else does."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import PermanentStorageError
from search.records import (
    Configuration,
    Curve,
    EngineChoice,
    FailureCause,
    Parameter,
    Predictions,
    Purpose,
    Run,
    RunResult,
    StudyRecord,
    TrialState,
)
from search.storage import Ended, Spool, SpoolError, Started, Storage
from search.storage import spool as spool_module

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
floats = st.floats(width=32)
configurations = st.dictionaries(
    texts, st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), texts, st.tuples(st.integers()))
).map(Configuration)
losses = st.integers(0, 4).flatmap(
    lambda n: st.lists(st.lists(floats, min_size=n, max_size=n), min_size=3, max_size=3).map(lambda each: Curve(*each))
)


@st.composite
def results(draw: st.DrawFn, trial: int = 0, purpose: Purpose | None = None) -> RunResult:
    error = draw(st.none() | texts)
    run = Run(
        trial,
        draw(st.integers(0, 9)),
        draw(st.integers(0, 9)),
        draw(st.integers(0, 2**31 - 1)),
        draw(configurations),
        draw(st.none() | st.builds(EngineChoice, texts, texts)),
        draw(st.sampled_from(Purpose)) if purpose is None else purpose,
    )
    return RunResult(
        run,
        draw(st.floats(allow_nan=False, allow_infinity=False)) if error is None else None,
        error=error,
        cause=None if error is None else draw(st.sampled_from(FailureCause)),
        penalty=draw(st.floats(allow_nan=False)),
        best_epoch=draw(st.integers(0, 9)),
        curve=draw(losses),
        weight_norms=draw(st.dictionaries(texts, floats.filter(lambda value: value == value))),
        predictions=draw(st.none() | st.just(Predictions(np.array([[0.25], [0.5]], np.float32))))
        if error is None
        else None,
        log=None if error is None else draw(st.none() | texts),
    )


@st.composite
def kept(draw: st.DrawFn) -> list[Started | Ended | RunResult]:
    listed: list[Started | Ended | RunResult] = []
    for number in range(draw(st.integers(0, 3))):
        parameters = st.lists(st.builds(Parameter, texts, st.floats(allow_nan=False), texts), max_size=2).map(tuple)
        listed.append(Started(number, draw(configurations), draw(parameters), draw(st.booleans())))
        state = draw(st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]))
        listed.append(
            Ended(
                number,
                state,
                score=0.5 if state is TrialState.COMPLETE else None,
                error="no" if state is TrialState.FAIL else None,
                cause=FailureCause.TIMED_OUT if state is TrialState.FAIL else None,
                results=tuple(draw(st.lists(results(number, Purpose.SEARCH), max_size=2))),
                intermediate=draw(st.dictionaries(st.integers(1, 9), st.floats(allow_nan=False), max_size=3)),
                user_attrs={"same_as_trial": 3},
            )
        )
    return listed + draw(st.lists(results(purpose=Purpose.CONFIRMATION), max_size=2))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return _spool(tmp_path)


def _spool(folder: Path) -> Spool:
    import datetime as dt

    return Spool(folder / "moons.spool", "moons", dt.datetime(2026, 11, 28, 12, 0, 0, 5))


@given(st.lists(kept(), min_size=1, max_size=3))
def test_what_is_kept_comes_back(tmp_path_factory: pytest.TempPathFactory, batches: Sequence[list[RunResult]]) -> None:
    spool = _spool(tmp_path_factory.mktemp("spool"))
    for batch in batches:
        spool.append(batch)
    assert spool.read() == [each for batch in batches for each in batch]
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    spool.remove()
    assert spool.read() == []
    spool.remove()


def test_line_that_a_crash_cut_is_left_out(spool: Spool, make_result: Callable[..., RunResult]) -> None:
    whole = [make_result(number) for number in range(3)]
    spool.append(whole)
    content = spool.path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
    for length in range(len(content)):
        spool.path.write_bytes(content[:length])
        # A last line without its end is whole where its checksum is.
        n_whole = sum(end - 1 <= length for end in ends[1:])
        assert spool.read() == whole[:n_whole]


def test_line_that_a_full_disk_cut_is_taken_away(
    spool: Spool, make_result: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written when there is room again would not be read behind it, nor without the first line."""
    whole = [make_result(number) for number in range(3)]

    def fail(descriptor: int) -> None:
        os.truncate(descriptor, os.fstat(descriptor).st_size - 5)
        raise OSError(errno.ENOSPC, "No space left on device")

    for number, result in enumerate(whole):
        with monkeypatch.context() as patched:
            patched.setattr(spool_module.os, "fsync", fail)
            with pytest.raises(OSError, match="No space left"):
                spool.append([result])
        assert spool.path.exists() == (number > 0)
        spool.append([result])
        assert spool.read() == whole[: number + 1]


@pytest.mark.parametrize("content", [b"\n", b"words", b"00000000 {}\n", b"\x00\xff" * 40])
def test_file_that_is_no_spool_is_refused_and_can_be_set_aside(spool: Spool, content: bytes) -> None:
    spool.path.write_bytes(content)
    with pytest.raises(SpoolError, match="is not of this study moons"):
        spool.read()
    assert spool.set_aside().read_bytes() == content
    assert spool.read() == []


def test_spool_of_another_study_of_that_name_is_refused(spool: Spool, make_result: Callable[..., RunResult]) -> None:
    spool.append([make_result(0)])
    other = replace(spool, created=spool.created.replace(year=2025))
    with pytest.raises(SpoolError):
        other.read()


def test_what_was_written_before_is_left_out(
    storage: Storage, study: StudyRecord, make_result: Callable[..., RunResult]
) -> None:
    key, confirmed = study.study_id, Purpose.CONFIRMATION
    entries = [
        Started(0, Configuration()),
        Ended(0, TrialState.COMPLETE, 0.25, results=[make_result(0)]),
        Started(1, Configuration()),
    ]
    run = replace(make_result(0).run, purpose=confirmed)
    runs = [make_result(0, run=replace(run, repeat=number)) for number in range(2)]
    storage.write(key, entries)
    storage.write_runs(key, runs[:1])
    for _ in range(2):
        storage.write(key, [*entries, Ended(1, TrialState.PRUNED), Started(2, Configuration())], repeated=True)
        storage.write_runs(key, runs, repeated=True)
    assert [trial.state.name for trial in storage.trials(key)] == ["COMPLETE", "PRUNED", "RUNNING"]
    assert len(storage.runs(key)) == 1
    assert len(storage.runs(key, purpose=confirmed)) == 2
    with pytest.raises(PermanentStorageError, match="expected trial 1 to be COMPLETE, received PRUNED"):
        storage.write(key, [Ended(1, TrialState.COMPLETE, 0.5)], repeated=True)
    with pytest.raises(PermanentStorageError, match="expected 3 to be the next trial"):
        storage.write(key, [Started(4, Configuration())], repeated=True)
