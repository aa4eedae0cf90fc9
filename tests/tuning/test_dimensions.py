"""Every range and list that the study file may hold becomes a distribution, in which "off" has a place."""

import json
import warnings

import numpy as np
import optuna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution

from search.errors import StudyFileError
from search.preparation.catalogue import default_catalogue
from search.records import TrialState
from search.spec import OFF, OFF_SHARE, parse_study
from search.techniques import TECHNIQUES
from search.tuning.history import History
from search.tuning.space import MOST_POINTS, search_space

SETTINGS = ("training.learning_rate", "training.epochs", "training.batch_size")
WHOLE = ("training.epochs", "training.batch_size")
EXTREMES = [5e-324, 1e-320, 2.3e-308, 1e-300, 1e-160, 1e-17, 0.1, 0.3, 1.0, 999.0, 1000.0, 1e16, 1e160, 1e300, 1e308]
FLOATS = st.one_of(
    st.sampled_from(EXTREMES),
    st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_subnormal=True),
    st.floats(1e-9, 1e3),
    st.decimals("0.001", "0.999", places=3).map(float),
)
INTEGERS = st.one_of(st.integers(1, 60), st.integers(1, 2**63 - 1), st.sampled_from([2**52 - 1, 2**52, 2**53 + 1]))


def is_whole(name):
    return name in WHOLE or (name in TECHNIQUES and TECHNIQUES[name].domain.kind == "int")


@st.composite
def entries(draw):
    """A name of [space] and its values, many of them valid."""
    name = draw(st.sampled_from([*TECHNIQUES, *SETTINGS]))
    domain = TECHNIQUES[name].domain if name in TECHNIQUES else None
    if domain is not None and domain.names:
        return name, {"choices": draw(st.lists(st.sampled_from([*domain.names, OFF]), min_size=1, unique=True))}
    numbers = INTEGERS if is_whole(name) else FLOATS
    if domain is not None and not is_whole(name) and draw(st.booleans()):
        numbers = st.floats(0, min(domain.high, 1e308), exclude_min=True)
    if draw(st.integers(0, 4)) == 0:
        choices = draw(st.lists(numbers, min_size=1, max_size=4, unique=True))
        return name, {"choices": [*choices, *([OFF] if domain is not None and draw(st.booleans()) else [])]}
    low, high = sorted((draw(numbers), draw(numbers)))
    entry = {"low": low, "high": high}
    if draw(st.booleans()):
        entry["log"] = True
    elif draw(st.booleans()):
        span = high - low
        part = draw(st.one_of(st.integers(1, 50), st.integers(1, 20_000_000)))
        fits = max(1, span // part) if is_whole(name) else span / part
        entry["step"] = draw(st.one_of(st.just(fits), numbers, st.sampled_from([0.1, 0.05])))
    return name, entry


def study(name, entry, current=None):
    """A study of one name, beside what it requires."""
    tables = {
        "study": {"name": "s", "n_trials": 9},
        "data": {"source": "sklearn.make_moons"},
        "model": {"family": "mlp", "hidden": [8]},
        "space": {name: entry},
    }
    required = default_catalogue().requires.get(name, ())
    if required:
        tables["space"][required[0]] = {"choices": [3]}
    if name in SETTINGS:
        tables["training"] = {name.partition(".")[2]: current}
    return parse_study(_toml(tables), "s.toml", default_catalogue())


def _toml(tables):
    def value(entry):
        if isinstance(entry, dict):
            return "{" + ", ".join(f'"{key}" = {value(each)}' for key, each in entry.items()) + "}"
        return json.dumps(entry)

    return "\n".join(
        f"[{table}]\n" + "\n".join(f'"{k}" = {value(v)}' for k, v in keys.items()) for table, keys in tables.items()
    )


def built(name, entry, current=None):
    """The dimension, made without a warning; None where the study file is refused in words."""
    try:
        spec = study(name, entry, current)
    except StudyFileError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return search_space(spec, default_catalogue()).dimensions[0]


def values_of(entry):
    """A function that tells whether a decoded value is one of the entry's."""
    if "choices" in entry:
        return lambda value: value in [each for each in entry["choices"] if each != OFF]
    low, high = float(entry["low"]), float(entry["high"])
    return lambda value: low <= value <= high * (1 + 1e-12)


@settings(max_examples=400, deadline=None)
@example(("start_epoch", {"low": 1, "high": 50, "log": True}), 0.0, 0)
@example(("start_epoch", {"low": 2, "high": 1000, "log": True}), 0.3, 0)
@example(("start_epoch", {"low": 1, "high": 2**52, "log": True}), 0.5, 0)
@example(("patience", {"low": 1, "high": 2**52, "log": True}), 0.5, 0)
@example(("patience", {"low": 1, "high": 2**52}), 0.5, 0)
@example(("patience", {"low": 1, "high": 1_000_000_000}), 0.5, 0)
@example(("training.epochs", {"low": 1, "high": 2**52}), 0.5, 3)
@example(("l2", {"low": 5e-324, "high": 1.0, "log": True}), 0.5, 0)
@example(("l2", {"low": 1e-160, "high": 1.0, "log": True}), 0.5, 0)
@example(("minimum_delta", {"low": 1e-10, "high": 1e308, "log": True}), 0.5, 0)
@example(("minimum_delta", {"low": 1.0, "high": 1e308}), 0.5, 0)
@example(("l2", {"low": 1.0, "high": 1.0000000000000002}), 0.5, 0)
@example(("l2", {"low": 1.0, "high": 1.0000000000000002, "log": True}), 0.5, 0)
@example(("max_norm", {"low": 1.0, "high": 1.0000000000000002, "log": True}), 0.5, 0)
@example(("max_norm", {"low": 0.031415926535897934, "high": 0.6, "step": 0.1}), 1.0, 0)
@example(("dropout", {"low": 0.031415926535897934, "high": 0.6, "step": 0.1}), 1.0, 0)
@example(("dropout", {"low": 0.1, "high": 0.9, "step": 1e-300}), 0.5, 0)
@example(("training.learning_rate", {"low": 0.031415926535897934, "high": 0.6, "step": 0.1}), 1.0, 5)
@given(entries(), st.floats(0, 1), st.integers(0, 2**52))
def test_what_the_study_file_may_hold_is_searched(given_entry, share, place):
    name, entry = given_entry
    current = _current(entry, name, place)
    dimension = built(name, entry, current)
    if dimension is None:
        return
    baseline = dimension.decode(dimension.baseline)
    if name in SETTINGS:
        assert baseline == pytest.approx(current, rel=1e-12)
    else:
        assert baseline is None
    assert dimension.encode(baseline) == dimension.baseline
    inside = values_of(entry)
    distribution = dimension.distribution
    for sampled in [dimension.baseline, *_sampled(distribution, share), *_ends(dimension)]:
        internal = distribution.to_internal_repr(sampled)
        assert distribution._contains(internal)
        setting = dimension.decode(distribution.to_external_repr(internal))
        assert setting == dimension.decode(sampled)
        again = dimension.encode(setting)
        assert distribution._contains(distribution.to_internal_repr(again))
        assert dimension.decode(again) == setting
        assert (setting is None and name in TECHNIQUES) or inside(setting)
        assert setting is None or is_whole(name) == isinstance(setting, int)


def _current(entry, name, place):
    """A value of a setting's entry that the file may give."""
    if name not in SETTINGS:
        return None
    if "choices" in entry:
        return entry["choices"][place % len(entry["choices"])]
    if entry.get("step"):
        last = int(min((entry["high"] - entry["low"]) / entry["step"] * (1 + 1e-9), 1e9))
        return entry["low"] + place % (last + 1) * entry["step"]
    return (entry["low"], entry["high"])[place % 2]


def _sampled(distribution, share):
    """What random search draws, and the ends and a point of the axis."""
    if not hasattr(distribution, "low"):
        return distribution.choices
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=int(share * 1000)))
    drawn = [study.ask({"x": distribution}).params["x"] for _ in range(3)]
    return [distribution.low, distribution.high, *drawn]


def _ends(dimension):
    """The first and the last of the values worth trying once."""
    return [] if not dimension.on else [dimension.on[0], dimension.on[len(dimension.on) - 1]]


@pytest.mark.parametrize(
    ("name", "entry", "sentence"),
    [
        (
            "l2",
            {"low": 5e-324, "high": 1.0, "log": True},
            "expected low >= 7.63e-247, for off lies below it, received low = 5e-324.",
        ),
        (
            "minimum_delta",
            {"low": 0.1, "high": 1.7e308},
            "expected high <= 1.41e308, received high = 1.7e308.",
        ),
        (
            "dropout",
            {"low": 0.1, "high": 0.5, "step": 1e-300},
            "expected step >= 5e-8, a 10,000,000th of the largest number, received step = 1e-300. "
            "Leave it out: steps this fine make no difference.",
        ),
        (
            "l2",
            {"low": 5e-324, "high": 1e-320, "step": 5e-324},
            "expected step >= 1e-300, received step = 5e-324. Leave it out: steps this fine make no difference.",
        ),
        (
            "patience",
            {"low": 1, "high": 2**53},
            "expected whole numbers of at most 2^52 = 4503599627370496, received high = 9007199254740992.",
        ),
    ],
)
def test_range_that_doubles_cannot_hold_is_refused_in_words(name, entry, sentence):
    with pytest.raises(StudyFileError) as caught:
        study(name, entry)
    assert [line.partition("]: ")[2] for line in str(caught.value).splitlines()] == [sentence]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("l2", {"low": 7.63e-247, "high": 1.0, "log": True}),
        ("minimum_delta", {"low": 0.1, "high": 1.41e308}),
        ("dropout", {"low": 0.1, "high": 0.5, "step": 5e-8}),
        ("patience", {"low": 1, "high": 2**52}),
    ],
)
def test_limit_that_a_sentence_names_is_accepted(name, entry):
    assert built(name, entry) is not None


def test_off_takes_its_share_of_a_logarithmic_axis_of_whole_numbers_from_one():
    dimension = built("start_epoch", {"low": 1, "high": 50, "log": True})
    low, high = np.log([dimension.distribution.low, dimension.distribution.high])
    decoded = [dimension.decode(float(np.exp(low + share * (high - low)))) for share in np.linspace(0.001, 0.999, 999)]
    assert sum(value is None for value in decoded) / len(decoded) == pytest.approx(OFF_SHARE, abs=0.002)
    assert {value for value in decoded if value is not None} == set(range(1, 51))


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes"])
def test_whole_numbers_from_one_are_proposed_by_every_sampler(sampler):
    space = search_space(study("start_epoch", {"low": 1, "high": 50, "log": True}), default_catalogue())
    history = History(space, sampler, 1, "minimize")
    asked = []
    for _ in range(60):
        asked.append(space.configuration({**history.ask(), "patience": 3}).get("start_epoch"))
        history.tell(TrialState.COMPLETE, float(asked[-1] or 99))
    assert asked[0] is None
    assert all(value is None or (isinstance(value, int) and 1 <= value <= 50) for value in asked)
    assert len(set(asked)) > 5


def test_range_that_worked_keeps_its_distribution():
    """A study that goes on decodes what it stored with these."""
    assert built("l2", {"low": 1e-6, "high": 1e-1, "log": True}).distribution == FloatDistribution(
        1e-6 / (1e-1 / 1e-6) ** 0.25, 1e-1, log=True
    )
    assert built("patience", {"low": 10, "high": 400, "log": True}).distribution == IntDistribution(10, 1006, log=True)
    assert built("start_epoch", {"low": 20, "high": 400, "log": True}).distribution == IntDistribution(9, 400, log=True)
    assert built("start_epoch", {"low": 1, "high": 50}).distribution == IntDistribution(-11, 50)
    assert built("dropout", {"low": 0.1, "high": 0.5, "step": 0.1}).distribution == FloatDistribution(
        0.0, 0.5, step=0.1
    )
    assert built("zca", {"low": 0.01, "high": 0.1}).distribution == FloatDistribution(0.01, 0.1 + (0.1 - 0.01) * 0.25)


def test_steps_of_a_long_range_are_not_held_in_memory():
    dimension = built("patience", {"low": 1, "high": 2**52})
    assert dimension.n_points == 2**52 + 1
    assert [value for value, _ in zip(dimension.points(), range(3), strict=False)] == [dimension.baseline, 1, 2]
    space = search_space(study("patience", {"low": 1, "high": 2**52}), default_catalogue())
    assert space.count_points("grid") == MOST_POINTS + 1
    assert next(space.grid()) == space.baseline()
