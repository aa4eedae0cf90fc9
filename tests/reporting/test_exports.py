"""Writing an export: whole or not at all, and never in the place of what is no ordinary file."""

import os
import threading

import pytest

from search.errors import UsageError
from search.reporting.exports import write_export


def test_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    target = tmp_path / "model.py"
    target.write_text("old and longer than the new text")
    target.chmod(0o640)
    write_export("new\n", target)
    assert target.read_text() == "new\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_link_stays_a_link_and_its_target_is_written(tmp_path):
    target = tmp_path / "real.py"
    target.write_text("old")
    link = tmp_path / "link.py"
    link.symlink_to(target)
    write_export("new", link)
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_pipe_is_written_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    write_export("through", pipe)
    reader.join(10)
    assert received == ["through"]
    assert pipe.is_fifo()


def test_path_that_cannot_be_written_is_bad_usage(tmp_path):
    with pytest.raises(UsageError) as caught:
        write_export("text", tmp_path / "no" / "model.py")
    assert str(caught.value) == (
        f"--output: expected a path that can be written, received {tmp_path}/no/model.py: No such file or directory."
    )
    with pytest.raises(UsageError, match="Is a directory"):
        write_export("text", tmp_path)
