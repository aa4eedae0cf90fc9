"""Values as source."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from search.models import constant, literal

TEXTS = st.text(st.characters(exclude_categories=()))
VALUES = st.recursive(
    TEXTS | st.integers() | st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(TEXTS, inner),
    max_leaves=40,
)


@given(VALUES)
def test_value_is_read_back_whatever_its_texts_hold(value):
    source = literal(value)
    assert ast.literal_eval(source) == value
    module = ast.parse(constant("NAME", value))
    assert len(module.body) == 1


def test_texts_that_are_seen_stay_as_they_are_and_others_are_escaped():
    told = ['"""; import os', "Köln", "a\nb", "\u202e", "\U0001f600", "\U000e0001", "\ud83d"]
    assert literal(told) == (
        '["\\"\\"\\"; import os", "Köln", \'a\\nb\', \'\\u202e\', "\U0001f600", \'\\U000e0001\', \'\\ud83d\']'
    )


def test_long_list_takes_lines_and_a_long_table_a_line_for_each_entry():
    numbers = [str(number) for number in range(1000, 1030)]
    lines = constant("NAMES", numbers).splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("NAMES = [", "]", 5)
    assert max(map(len, lines)) <= 100
    table = constant("KINDS", {"one": numbers, "two": ["x"], "three": numbers})
    assert table.count("\n") == 12
    assert '\n    "two": ["x"],\n' in table
