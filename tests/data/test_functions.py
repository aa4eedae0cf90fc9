"""A function of the user's travels as the text of its file."""

import inspect
import pickle
import traceback
from pathlib import Path

import pytest

from search.data import SourceFunction, read_function
from search.data.functions import last_line
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


def test_lines_are_found_though_there_is_no_such_file():
    text = "def one():\n    raise ValueError('no')\n"
    one = SourceFunction("told.py", "one", text).load()
    assert inspect.getsource(one) == text
    try:
        one()
    except ValueError as error:
        told = "".join(traceback.format_exception(error))
    assert 'File "told.py", line 2, in one\n    raise ValueError' in told


def test_lines_are_those_of_the_text_and_not_of_another_that_has_the_files_name(tmp_path, monkeypatch):
    """AutoGraph would compile those of the other."""
    monkeypatch.chdir(tmp_path)
    Path("here.py").write_text("def other():\n    return 1\n")
    texts = [f"def one():\n    return {number}\n" for number in range(2)]
    for file in ("here.py", "nowhere.py"):
        ones = [SourceFunction(file, "one", text).load() for text in texts]
        assert [inspect.getsource(one) for one in ones] == texts


def test_folder_with_another_file_of_that_name_has_another_function(tmp_path, monkeypatch):
    """As in a notebook that goes from study to study."""
    numbers = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        Path("same.py").write_text(f"def told():\n    return '{folder}'\n")
        numbers.append(read_function("same.py:told", Path(), "[loss]", key="loss").load()())
    assert numbers == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("def told():\n    1 / 0\n", 2), ("\n\ndef told():\n    1 / 0\n", 4), ("def told(:\n", 1)],
)
def test_last_line_is_that_of_the_file_whatever_tracebacks_call_it(text, line):
    with pytest.raises((ZeroDivisionError, SyntaxError)) as caught:
        SourceFunction("lines.py", "told", text).load()()
    assert last_line(caught.value, "lines.py") == line
    assert last_line(caught.value, "others.py") is None
