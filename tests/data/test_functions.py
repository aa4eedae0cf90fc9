"""A function of the user's travels as the text of its file."""

import pickle

import pytest

from search.data import SourceFunction, read_function
from search.errors import DataError


def test_function_is_read_as_text_and_runs_where_there_is_no_such_file(tmp_path):
    (tmp_path / "mine.py").write_text("def double(x):\n    return 2 * x\n")
    function = read_function("mine.py:double", tmp_path, "[training]", key="loss")
    (tmp_path / "mine.py").unlink()
    travelled = pickle.loads(pickle.dumps(function))
    assert travelled == function
    assert travelled.load()(21) == 42
    assert travelled.load() is function.load()


def test_another_text_is_another_function_and_is_told_apart_in_print():
    one, other = (SourceFunction("mine.py", "f", f"def f():\n    return {number}\n") for number in (1, 2))
    assert one.sha256 != other.sha256
    assert repr(one) != repr(other)
    assert (one.load()(), other.load()()) == (1, 2)


def test_file_without_the_function_says_so():
    with pytest.raises(AttributeError, match=r'^expected a function "g" in mine.py, received none$'):
        SourceFunction("mine.py", "g", "f = 1").load()


def test_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        read_function("mine.py:f", tmp_path, "s.toml:3 [training.loss]", key="loss")
    assert str(caught.value) == (
        's.toml:3 [training.loss]: expected loss to name a file, received "mine.py": no such file. A path is relative '
        "to the study file's folder."
    )
    (tmp_path / "mine.py").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"^\[training\]: expected loss to name a Python file in UTF-8, received mine"):
        read_function("mine.py:f", tmp_path, "[training]", key="loss")
