"""What is larger than the memory is refused with a sentence, before any memory is taken for it."""

from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest

from search.data.sources import csv_cells
from search.errors import StudyFileError
from search.preparation.files import prepare_study
from search.spec import DataSection

MIB = 2**20


@pytest.fixture
def memory(monkeypatch):
    """Says how much memory the machine has."""
    return lambda n_bytes: monkeypatch.setattr("search.data.machine.machine_bytes", lambda: n_bytes)


def peak_of(call):
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_csv_file_that_is_too_large_is_not_read(tmp_path, refusal, memory):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,2\n" * MIB)
    memory(20 * MIB)
    lines, peak = peak_of(lambda: refusal(source="csv", path="t.csv", target="y"))
    assert lines == [
        '[data]: expected data that takes at most 0.0 GiB, half of the memory, received "t.csv" of 0.0 GiB, which '
        "takes about 0.0 GiB. Save fewer rows or columns, or arrays as npz."
    ]
    assert peak < MIB


def test_csv_file_of_too_many_cells_is_not_taken_apart(tmp_path, refusal, memory):
    (tmp_path / "t.csv").write_text("a,y\n" + "1,2\n" * MIB)
    memory(200 * MIB)
    lines, peak = peak_of(lambda: refusal(source="csv", path="t.csv", target="y"))
    assert 'received "t.csv" of 2,097,154 cells, which takes about 0.1 GiB' in lines[0]
    assert peak < 10 * MIB


def test_cells_take_little_more_than_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "-0.123456,9.876543,1\n" * 50_000)
    section = DataSection(source="csv", path="t.csv", target="y")
    (cells, _, _), peak = peak_of(lambda: csv_cells.read_cells(path, section, "[data]"))
    assert [len(column) for column in cells.columns] == [50_000] * 3
    assert peak < 10 * path.stat().st_size  # as lists of `str` they took 17 times the file


@pytest.mark.parametrize("read_new", [False, True])
def test_archive_that_is_far_larger_inside_is_refused_before_it_is_unpacked(tmp_path, refusal, memory, read_new):
    from search.data.sources.npz_file import read_features

    np.savez_compressed(tmp_path / "t.npz", x=np.zeros((10, 50 * MIB // 80)), y=np.arange(10))
    assert (tmp_path / "t.npz").stat().st_size < MIB
    memory(100 * MIB)

    def refused():
        if not read_new:
            return refusal(source="npz", path="t.npz")
        with pytest.raises(csv_cells.DataError) as caught:
            read_features(tmp_path / "t.npz")
        return [str(caught.value)]

    lines, peak = peak_of(refused)
    assert 'half of the memory, received arrays of "t.npz", which takes about 0.1 GiB' in lines[0]
    assert peak < 10 * MIB


def test_archive_whose_header_lies_is_refused(tmp_path, refusal):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        for name, shape in (("x", (10**10, 4)), ("y", (10,))):
            with archive.open(f"{name}.npy", "w") as stream:
                described = {"descr": "<f8", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, described)
                stream.write(bytes(80))
    lines = refusal(source="npz", path="t.npz", memory_gib=1e-9)
    assert lines[0].startswith('[data]: expected an .npz archive of plain arrays, received "t.npz": ')


def test_parquet_file_of_too_many_cells_is_refused(tmp_path, refusal, memory):
    frame = pd.DataFrame({"a": np.zeros(MIB), "y": np.zeros(MIB)})
    frame.to_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < MIB
    memory(64 * MIB)
    lines = refusal(source="parquet", path="t.parquet", target="y")
    assert 'received "t.parquet" of 2,097,152 cells, which takes about 0.1 GiB. Save fewer rows' in lines[0]


def test_categories_that_make_too_many_inputs_are_refused(tmp_path, memory):
    rows = "".join(f"name {number},{number % 2}\n" for number in range(2000))
    (tmp_path / "t.csv").write_text("name,y\n" + rows)
    (tmp_path / "t.toml").write_text(
        '[study]\nname = "t"\nn_trials = 2\n[data]\nsource = "csv"\npath = "t.csv"\ntarget = "y"\n'
        '[model]\nfamily = "mlp"\nhidden = [2]\n[space]\nl2 = { low = 1e-5, high = 1e-1, log = true }\n'
    )
    memory(30 * MIB)
    with pytest.raises(Exception, match="expected data that takes at most") as caught:
        prepare_study(str(tmp_path / "t.toml"))
    assert str(caught.value) == (
        f"{tmp_path / 't.toml'}:4 [data]: expected data that takes at most 0.0 GiB, half of the memory, received 2,000 "
        "rows of 2,000 inputs, which takes about 0.0 GiB. Each category of a text column is an input: set "
        "data.min_frequency, or drop columns."
    )


@pytest.mark.parametrize(("override", "words"), [
    ("study.n_trials=10000000", "expected at most 10,000,000 runs, received 10,000,000 trials of 6 runs"),
    ("confirm.repeats=10000000", "expected at most 10,000,000 runs, received 5 finalists of 10,000,000"),
    ("confirm.finalists=1000000000", None),
])  # fmt: skip
def test_more_runs_than_anybody_waits_for_are_refused(override, words):
    if words is None:
        assert prepare_study("moons", [override])  # as many as there are trials
        return
    with pytest.raises(StudyFileError, match=words):
        prepare_study("moons", [override])
