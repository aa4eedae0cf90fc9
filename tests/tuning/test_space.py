"""Spaces: "off" is a stretch of each axis, and sampled values and configurations agree."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.records import Configuration
from search.spec import Catalogue, Choices, Domain, Range, parse_study
from search.tuning.history import History
from search.tuning.space import OFF_SHARE, search_space

COEFFICIENT = Domain("float", 0, 1000, "low", "a penalty", "a paper", low_open=True)
RATE = Domain("float", 0, 1, "low", "a rate", "a paper", low_open=True, high_open=True)
PATIENCE = Domain("int", 1, float("inf"), "high", "epochs", "a paper")
CATALOGUE = Catalogue(
    techniques={"l2": COEFFICIENT, "dropout": RATE, "patience": PATIENCE},
    layered=frozenset({"l2", "dropout"}),
    families={"mlp": frozenset({"hidden", "activation"})},
    optimizers=frozenset({"adam"}),
    activations=frozenset({"relu", "tanh"}),
)


def make_space(table: str, sampler: str = "tpe"):
    text = f"""
[study]
name = "s"
n_trials = 9
sampler = "{sampler}"
[data]
source = "sklearn.make_moons"
[model]
family = "mlp"
hidden = [8]
[space]
{table}
"""
    return search_space(parse_study(text, "s.toml", CATALOGUE), CATALOGUE)


def test_baseline_has_every_technique_off():
    space = make_space(
        """
l2 = { low = 1e-6, high = 1e-1, log = true }
dropout = { low = 0.05, high = 0.6 }
patience = { low = 10, high = 400, log = true }
"output.l2" = { choices = [1e-4, 1e-3] }
"""
    )
    assert space.configuration(space.baseline()) == Configuration()


def test_baseline_keeps_the_settings_of_the_file():
    space = make_space(
        """
"training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
"training.batch_size" = { low = 8, high = 64, step = 8 }
"model.hidden" = { choices = [[8], [8, 8]] }
"""
    )
    assert dict(space.configuration(space.baseline())) == {
        "model.hidden": (8,),
        "training.batch_size": 32,
        "training.learning_rate": 1e-3,
    }


@pytest.mark.parametrize(
    ("entry", "off", "on"),
    [
        ("l2 = { low = 1e-6, high = 1e-1, log = true }", 9e-7, 1e-6),
        ("l2 = { low = 0.01, high = 0.1 }", 0.0099, 0.01),
        ("dropout = { low = 0.1, high = 0.5, step = 0.1 }", 0.0, 0.1),
        ("patience = { low = 10, high = 400, log = true }", 401, 400),
        ("patience = { low = 10, high = 40, step = 10 }", 50, 40),
    ],
)
def test_off_lies_beyond_the_weak_end(entry, off, on):
    space = make_space(entry)
    name = space.dimensions[0].name
    assert space.configuration({name: off}) == Configuration()
    assert space.configuration({name: on}) == Configuration({name: on})


@given(
    low=st.floats(1e-8, 1e-3),
    decades=st.floats(0.5, 6),
    log=st.booleans(),
    share=st.floats(0, 1),
)
def test_off_takes_its_share_of_the_axis(low, decades, log, share):
    entry = Range(low=low, high=low * 10**decades, log=log)
    dimension = search_space(_spec_with({"l2": entry}), CATALOGUE).dimensions[0]
    distribution = dimension.distribution
    assert isinstance(distribution, FloatDistribution)
    if log:
        value = distribution.low * (distribution.high / distribution.low) ** share
    else:
        value = distribution.low + share * (distribution.high - distribution.low)
    setting = dimension.decode(value)
    if share < OFF_SHARE - 1e-6:
        assert setting is None
    elif share > OFF_SHARE + 1e-6:
        assert setting == value
        assert entry.low <= value <= entry.high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0.1, 0.3, 0.1), (0.05, 0.6, 0.05), (0.1, 0.5, 0.15), (0.2, 0.8, 0.2)]
)
@pytest.mark.parametrize("sampler", ["grid", "tpe", "random", "qmc"])
def test_stepped_range_gives_the_decimal_values_that_were_meant(low, high, step, sampler):
    space = make_space(f"dropout = {{ low = {low}, high = {high}, step = {step} }}", sampler)
    meant = {round(low + i * step, 10) for i in range(20) if low + i * step <= high + 1e-9}
    history = History(space, sampler, 1, "minimize")
    n_trials = space.grid_size() if sampler == "grid" else 200
    found = {space.configuration(history.ask()).get("dropout") for _ in range(n_trials)}
    assert found == {None, *meant}


def test_integer_technique_stays_whole():
    dimension = make_space("patience = { low = 10, high = 400, log = true }").dimensions[0]
    assert isinstance(dimension.distribution, IntDistribution)
    assert dimension.distribution.low == 10
    assert dimension.distribution.high == 1006


def test_choices_offer_off_first_and_once():
    dimension = make_space('l2 = { choices = ["off", 1e-3, 1e-2] }').dimensions[0]
    assert dimension.distribution == CategoricalDistribution(("off", 1e-3, 1e-2))


def test_grid_lists_every_point_once_and_the_baseline_first():
    space = make_space("l2 = { choices = [0.1, 0.01] }\npatience = { low = 5, high = 15, step = 5 }", "grid")
    points = [space.configuration(point) for point in space.grid()]
    assert points[0] == Configuration()
    assert len(points) == len(set(points)) == space.grid_size() == 3 * 4


def test_parameters_round_trip_through_the_storage_form():
    space = make_space(
        """
l2 = { low = 1e-6, high = 1e-1, log = true }
dropout = { choices = [0.1, 0.2] }
"model.hidden" = { choices = [[8], [8, 8]] }
"training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
"""
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        sampled = study.ask(space.distributions).params
        assert space.sampled(space.parameters(sampled)) == sampled


def _spec_with(entries: dict[str, Range | Choices]):
    spec = parse_study(
        '[study]\nname = "s"\nn_trials = 2\n[data]\nsource = "sklearn.make_moons"\n'
        '[model]\nfamily = "mlp"\nhidden = [8]\n[space]\nl2 = { low = 0.1, high = 0.2 }\n',
        "s.toml",
        CATALOGUE,
    )
    return spec.model_copy(update={"space": entries})
