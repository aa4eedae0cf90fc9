from __future__ import annotations

import pytest

from search.data import SOURCES


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("cvs", ' Did you mean "csv"?'),
        ("sonar.csv", ' Write source = "csv" and path = "sonar.csv".'),
        ("data.py", ' Name its function, as in "data.py:load".'),
        ("sklearn", ""),
        ("csv.label", ""),
        ("", ""),
    ],
)
def test_an_unknown_source_is_refused(refusal, source, remedy):
    forms = "csv, parquet, npz, images, sklearn.NAME, keras.NAME, FILE.py:function"
    assert refusal(source=source) == [f'[data]: expected source to be one of {forms}, received "{source}".{remedy}']


def test_keys_that_a_source_does_not_take_are_refused(refusal):
    assert refusal(source="sklearn.make_moons", path="a.csv", target="y") == [
        "[data]: expected no path with source = \"sklearn.make_moons\", received path = 'a.csv'.",
        "[data]: expected no target with source = \"sklearn.make_moons\", received target = 'y'.",
    ]
    assert refusal(source="csv", path="a.csv", target="y", options={"sep": ";"}) == [
        "[data]: expected no options with source = \"csv\", received options = {'sep': ';'}."
    ]


def test_every_source_says_how_it_is_written():
    assert {key: source.form.form for key, source in SOURCES.items()} == {
        "csv": "csv",
        "parquet": "parquet",
        "npz": "npz",
        "images": "images",
        "sklearn": "sklearn.NAME",
        "keras": "keras.NAME",
        "py": "FILE.py:function",
    }
