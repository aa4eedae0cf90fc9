"""Features in a file stand where an array does: the same rows, the same fingerprint, and nothing in memory."""

import os
import pickle
import socket
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from search.data import RowsFile, Written, is_stored, read_rows, write_member
from search.data.sources.raw import PlainError
from search.data.stored_rows import RowsWriter, as_features, most_bytes_in_memory, stored_member
from search.data.streams import collect

ROWS = np.random.default_rng(0).normal(size=(50, 3, 2)).astype(np.float32)
BYTES = np.random.default_rng(0).integers(0, 256, (50, 4)).astype(np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REGSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rows" / socket.gethostname()


def stored(rows):
    room = RowsFile()
    writer = RowsWriter(room.path)
    for part in np.array_split(rows, 3):
        writer.write(part)
    return room.stored(writer.close())


def test_some_rows_of_some_rows_are_those_of_the_array():
    rows, places = stored(ROWS), np.array([7, 3, 40, 3])
    assert (rows.shape, rows.ndim, rows.size, len(rows), rows.nbytes) == ((50, 3, 2), 3, 300, 50, 0)
    np.testing.assert_array_equal(np.asarray(rows[places]), ROWS[places])
    np.testing.assert_array_equal(np.asarray(rows[places][1:3]), ROWS[places][1:3])
    np.testing.assert_array_equal(np.asarray(rows[10:20].reshape(10, -1)), ROWS[10:20].reshape(10, -1))
    np.testing.assert_array_equal(read_rows(as_features(rows[places]), [2, 0]), ROWS[[40, 7]])
    np.testing.assert_array_equal(np.stack(list(rows[places])), ROWS[places])
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), ROWS)
    with pytest.raises(ValueError, match="expected 50 rows of shape"):
        rows.reshape(50, 5)


def test_rows_pickle_as_the_place_of_their_file():
    rows = stored(np.zeros((10_000, 50), np.float32))[np.arange(5)]
    packed = pickle.dumps(rows)
    assert len(packed) < 2_000
    np.testing.assert_array_equal(np.asarray(pickle.loads(packed)), np.zeros((5, 50)))


def test_file_goes_with_the_last_who_holds_it(cache):
    rows = stored(ROWS)
    part = rows[:4]
    del rows
    assert len(list(cache.iterdir())) == 1
    np.testing.assert_array_equal(np.asarray(part), ROWS[:4])
    del part
    assert list(cache.iterdir()) == []


def test_files_of_killed_processes_are_removed(cache):
    program = "import os; from search.data import RowsFile; room = RowsFile(); os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", program], check=False, env=dict(os.environ))
    assert killed.returncode == -9
    (left,) = cache.iterdir()
    room = RowsFile()
    assert not left.exists()
    assert room.path.parent.exists()


def test_archive_that_is_too_large_stays_where_it_is(read, tmp_path):
    y = np.arange(50) % 2
    np.savez(tmp_path / "a.npz", x=ROWS, y=y)
    np.savez_compressed(tmp_path / "c.npz", x=ROWS, y=y)
    held = read(source="npz", path="a.npz")
    kept = read(source="npz", path="a.npz", memory_gib=1e-6)
    assert (is_stored(held.features), is_stored(kept.features)) == (False, True)
    assert held.sha256 == kept.sha256
    np.testing.assert_array_equal(np.asarray(kept.take([4, 2]).features), ROWS[[4, 2]])
    assert any("stay in a file" in note for note in kept.notes)
    assert not is_stored(read(source="npz", path="c.npz", memory_gib=1e-6).features)


def test_bytes_are_scaled_as_they_are_in_memory(read, tmp_path):
    np.savez(tmp_path / "a.npz", x=BYTES, y=np.arange(50) % 2)
    held, kept = (read(source="npz", path="a.npz", memory_gib=gib) for gib in (None, 1e-7))
    assert held.sha256 == kept.sha256
    assert held.scaled_bytes == kept.scaled_bytes is True
    np.testing.assert_array_equal(np.asarray(kept.features), held.features)


def test_number_that_is_none_is_named(refusal, tmp_path):
    wrong = ROWS.copy()
    wrong[13, 1, 0] = np.nan
    np.savez(tmp_path / "a.npz", x=wrong, y=np.arange(50) % 2)
    (line,) = refusal(source="npz", path="a.npz", memory_gib=1e-6)
    assert "received another at index [13, 1, 0], counted from 0" in line


def test_standardized_rows_are_refused(refusal, tmp_path):
    np.savez(tmp_path / "a.npz", x=ROWS, y=np.arange(50) % 2)
    (line,) = refusal(source="npz", path="a.npz", memory_gib=1e-6, standardize=True)
    assert "expected no standardize for features that stay in a file" in line


@pytest.mark.parametrize("batch", [None, 8])
def test_stream_that_is_too_large_goes_to_a_file(tmp_path, batch):
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices((BYTES, np.arange(50)))
    written, y = collect(stream if batch is None else stream.batch(batch), 100, tmp_path / "rows")
    assert written == Written(50, (4,), "|u1") == Written.from_json(written.to_json())
    np.testing.assert_array_equal(np.fromfile(tmp_path / "rows", np.uint8).reshape(50, 4), BYTES)
    np.testing.assert_array_equal(y, np.arange(50))
    held, _ = collect(stream.batch(8), 1000, tmp_path / "none")
    np.testing.assert_array_equal(held, BYTES)
    assert not (tmp_path / "none").exists()


def test_stream_without_room_or_with_several_inputs_is_refused(tmp_path):
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices((BYTES, np.arange(50))).batch(8)
    with pytest.raises(PlainError, match="expected room for features that do not fit into memory, received No space"):
        collect(stream, 10, tmp_path.joinpath("/dev/full"))
    two = tf.data.Dataset.from_tensor_slices(({"a": BYTES, "b": BYTES}, np.arange(50))).batch(8)
    with pytest.raises(PlainError, match="expected one input of features that do not fit into memory, received a, b"):
        collect(two, 10, tmp_path / "rows")


def test_function_may_stream_more_than_memory_takes(read, tmp_path, cache):
    (tmp_path / "pipe.py").write_text(
        "import numpy as np\ndef rows():\n    import tensorflow as tf\n"
        "    x = np.arange(400, dtype='float32').reshape(100, 4)\n"
        "    return tf.data.Dataset.from_tensor_slices((x, np.arange(100) % 2)).batch(30)\n"
    )
    held, kept = (read(source="pipe.py:rows", memory_gib=gib) for gib in (None, 1e-6))
    assert (is_stored(held.features), is_stored(kept.features)) == (False, True)
    assert held.sha256 == kept.sha256
    assert len(list(cache.iterdir())) == 1


def test_stored_rows_are_written_as_savez_writes_an_array(tmp_path):
    np.savez(tmp_path / "a.npz", y=np.arange(20))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        write_member(archive, "x", stored(ROWS)[np.arange(20)])
    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(archive["x"], ROWS[:20])
    again = stored_member(tmp_path / "a.npz", "x", 10)
    np.testing.assert_array_equal(np.asarray(again), ROWS[:20])


def test_memory_is_what_the_study_says_or_a_share_of_the_machines():
    assert most_bytes_in_memory(0.5) == 2**29
    assert 0 < most_bytes_in_memory(None) <= 4 * 2**30


def test_without_a_cache_folder_rows_go_to_the_temporary_one(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("REGSEARCH_CACHE", "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert RowsFile().path.parent.parent == tmp_path
    assert not cache.exists()
