from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.spec.locations import locate_keys, read_key
from search.spec.wording import as_toml


def test_keys_are_found_behind_comments_strings_and_arrays_of_many_lines():
    text = (
        "# [not.a.table]\n"
        "study.name = 'a # no comment' # a = 1\n"
        "[data] # x = 1\n"
        'text = """\n[no]\nkey = 1 \\"""\n"""\n'
        "raw = '''\nb = 2''''\n"
        "list = [ # [c]\n  1, [2, {inner = 3}],\n  'd = 4',\n]\n"
        "when = 1979-05-27 07:32:00\n"
        "last = 1\n"
        '  [ model . "a.b" ]\n'
        "'c d' = {low = 1, \"hi\\u0067h\" = {x.y = [1, 2]}}\n"
    )
    tomllib.loads(text)
    assert locate_keys(text) == {
        ("study",): 2,
        ("study", "name"): 2,
        ("data",): 3,
        ("data", "text"): 4,
        ("data", "raw"): 8,
        ("data", "list"): 10,
        ("data", "when"): 14,
        ("data", "last"): 15,
        ("model",): 16,
        ("model", "a.b"): 16,
        ("model", "a.b", "c d"): 17,
        ("model", "a.b", "c d", "low"): 17,
        ("model", "a.b", "c d", "high"): 17,
        ("model", "a.b", "c d", "high", "x"): 17,
        ("model", "a.b", "c d", "high", "x", "y"): 17,
    }


def test_carriage_returns_do_not_shift_lines():
    assert locate_keys('[a]\r\nb = """\r\n"""\r\n\r\nc = 1\r\n') == {("a",): 1, ("a", "b"): 2, ("a", "c"): 5}


def test_header_wins_over_the_header_of_its_subtable():
    assert locate_keys("[a.b]\nc = 1\n[a]\nd = 1\n")[("a",)] == 3


def test_array_of_tables_stands_where_it_begins():
    assert locate_keys("[[a]]\nb = 1\n[[a]]\nb = 2\n") == {("a",): 1, ("a", "b"): 2}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a.b-c = 1", (("a", "b-c"), 5)),
        ("a . 'b.c' =", (("a", "b.c"), 9)),
        ('"a\\"b"', (('a"b',), 6)),
        ("a.", None),
        ("", None),
        ("*", None),
    ],
)
def test_keys_are_read_as_toml_reads_them(text, key):
    assert read_key(text) == key


_keys = st.one_of(st.text("ab-_1", min_size=1, max_size=3), st.text(st.characters(codec="utf-8"), max_size=4))
_leaves = st.one_of(st.integers(0, 9), st.booleans(), st.text(st.characters(codec="utf-8"), max_size=12))
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3), max_leaves=6
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_keys, _values, st.integers(0, 2)), max_size=6, unique_by=lambda entry: entry[0]))
def test_every_key_of_a_written_document_is_on_its_line(entries):
    text, lines = "", {}
    for number, (key, value, blank) in enumerate(entries):
        text += "# [x] = '\n" * blank
        line = text.count("\n") + 1
        lines[(key,)] = line
        name, written = as_toml(key).as_string(), as_toml(value).as_string()
        if number % 2:
            text += f"{name} = {written}\n"
        else:
            text += f"{name} = {{first = [\n1], k = {written}}}\n"
            lines[key, "k"] = line + 1
    tomllib.loads(text)
    found = locate_keys(text)
    assert {path: found.get(path) for path in lines} == lines
