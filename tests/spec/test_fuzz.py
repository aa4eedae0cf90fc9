from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.errors import StudyFileError
from search.spec import StudySpec, parse_study
from search.spec.wording import as_toml

_PYDANTIC = re.compile(r"Input should|Field required|Extra inputs|pydantic|Value error|validation error", re.I)
_relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_NAMES = """
study data split model training objective space confirm name n_trials seed sampler source options path target
test validation method folds stop family builder keras hidden activation optimizer learning_rate epochs metric
l2 dropout low high log step choices off dense_2.l1 training.epochs model.hidden . .l2
together shape weights filters kernel_size units flip path start_epoch
"""
_names = st.sampled_from(sorted(set(re.findall(r"\S+", _NAMES))))
_keys = _names | st.text(st.characters(codec="utf-8"), max_size=5)
_scalars = st.one_of(
    st.integers(),
    st.integers(-2, 600),
    st.floats(),
    st.booleans(),
    _keys,
    st.sampled_from(
        [
            "tpe",
            "grid",
            "ablation",
            "both",
            "saved",
            "csv",
            "npz",
            "kfold",
            "head",
            "mlp",
            "cnn",
            "off",
            "a.py:f",
            "keras.x",
        ]
    ),
    st.dates(),
    st.datetimes(),
    st.times(),
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=5), max_leaves=25
)


def _check(problems) -> None:
    for problem in problems:
        assert "\n" not in str(problem)
        assert re.match(r"(s\.toml(:\d+ \[.+])?|--set .*)$", problem.place), problem.place
        assert problem.message.startswith("expected ")
        assert ", received " in problem.message
        assert not _PYDANTIC.search(str(problem))
        assert problem.remedy == "" or problem.remedy.endswith((".", "?"))


def _read(text, catalogue, overrides=()):
    try:
        return parse_study(text, "s.toml", catalogue, overrides)
    except StudyFileError as error:
        problems = error.problems
    assert problems
    _check(problems)
    return problems


@_relaxed
@given(document=st.dictionaries(_keys, _values, min_size=1, max_size=8))
def test_any_document_gives_a_study_or_located_problems(catalogue, document):
    text = "\n".join(f"{as_toml({k: v}).as_string()[1:-1]}" for k, v in document.items())
    assert isinstance(_read(text, catalogue), StudySpec | tuple)


@_relaxed
@given(changes=st.dictionaries(st.tuples(_names, _names), _values, min_size=1, max_size=6))
def test_any_change_of_a_study_gives_a_study_or_located_problems(catalogue, valid, changes):
    document = tomllib.loads(valid)
    for (table, key), value in changes.items():
        document.setdefault(table, {})[key] = value
    text = "\n".join(f"{as_toml({k: v}).as_string()[1:-1]}" for k, v in document.items())
    _read(text, catalogue)


@_relaxed
@given(text=st.text())
def test_arbitrary_text_gives_a_study_file_error(catalogue, text):
    with pytest.raises(StudyFileError) as caught:
        parse_study(text, "s.toml", catalogue)
    assert all("\n" not in str(problem) for problem in caught.value.problems)


@_relaxed
@given(
    overrides=st.lists(
        st.builds("{}.{}={}".format, _names, _keys, _values.map(lambda v: as_toml(v).as_string())) | st.text(),
        min_size=1,
        max_size=4,
    )
)
@example(overrides=['"\x1f="'])
@example(overrides=['space."\\q"=1'])
def test_any_override_gives_a_study_or_located_problems(catalogue, valid, overrides):
    _read(valid, catalogue, overrides)


def test_every_renamed_key_and_every_value_of_another_kind_is_located(catalogue, valid):
    lines = valid.splitlines()
    for number, line in enumerate(lines, start=1):
        for key in re.finditer(r'[A-Za-z_][\w.]*"?(?= =)', line):
            for renamed in (key.group().strip('"') + "_x", "zzz"):
                quote = '"' if key.group().endswith('"') else ""
                changed = line[: key.start()] + renamed.replace(".", "_.") + quote + line[key.end() :]
                _expect_problem([*lines[: number - 1], changed, *lines[number:]], number, catalogue, line)
        for value in re.finditer(r"(?<== )([^{},\[\]]+?|\[.*?]|\{.*})(?= }|,|$)", line):
            for other in ("1979-05-27", "nan", "[[{a = 1}]]", "{a = {b = 2000-01-01}}"):
                changed = line[: value.start()] + other + line[value.end() :]
                _expect_problem([*lines[: number - 1], changed, *lines[number:]], number, catalogue, line)


def _expect_problem(lines, number, catalogue, line) -> None:
    if "n_samples" in line and "= {a" not in "".join(lines) and "options" in lines[number - 1]:
        return  # what the function of a source takes is not known here
    problems = _read("\n".join(lines) + "\n", catalogue)
    assert not isinstance(problems, StudySpec), lines[number - 1]
    assert any(problem.place.startswith(f"s.toml:{number} ") for problem in problems), (lines[number - 1], problems)
