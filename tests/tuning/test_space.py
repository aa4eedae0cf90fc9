"""Spaces: "off" is a stretch of each axis, and sampled values and configurations agree."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.preparation.catalogue import default_catalogue
from search.records import Configuration, Trial, TrialState
from search.spec import OFF_SHARE, Arguments, Catalogue, Choices, Domain, Range, parse_study
from search.tuning.history import History
from search.tuning.space import MOST_POINTS, search_space

COEFFICIENT = Domain(kind="float", high=1000, low_open=True, meaning="a penalty", source="a paper")
RATE = Domain(kind="float", high=1, low_open=True, high_open=True, meaning="a rate", source="a paper")
EPOCHS = Domain(kind="int", low=1, weak="high", meaning="epochs", source="a paper")
FLIP = Domain(kind="choice", names=("horizontal", "vertical", "both"), meaning="mirrored axes", source="a paper")
CATALOGUE = Catalogue(
    techniques={
        "l1": COEFFICIENT,
        "l2": COEFFICIENT,
        "dropout": RATE,
        "patience": EPOCHS,
        "start_epoch": EPOCHS,
        "path": COEFFICIENT,
        "flip": FLIP,
    },
    layered=frozenset({"l1", "l2", "dropout"}),
    families={"mlp": frozenset({"hidden", "activation"})},
    optimizers={"adam": Arguments()},
    activations=frozenset({"relu", "tanh"}),
    sources=default_catalogue().sources,
    metrics=("log_loss",),
    splitters=default_catalogue().splitters,
    requires={"start_epoch": ("patience",), "path": ("l1", "l2")},
)


def make_space(table: str, sampler: str = "tpe", study: str = ""):
    text = f"""
[study]
name = "s"
n_trials = 9
sampler = "{sampler}"
{study}
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
    n_trials = space.count_points("grid") if sampler == "grid" else 200
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
    points = walk(space, "grid")
    assert points[0] == Configuration()
    assert len(points) == len(set(points)) == space.count_points("grid") == 3 * 4


def walk(space, sampler):
    """The configurations of the points, in order."""
    points = space.points(sampler)
    assert points is not None
    return [space.configuration(point) for point in points]


def test_sampler_that_proposes_walks_no_points():
    space = make_space("l2 = { choices = [0.1] }")
    assert (space.points("tpe"), space.count_points("random")) == (None, None)


def test_more_points_than_anybody_walks_are_not_counted_to_the_end():
    entries = "\n".join(f'"layer_{n}.dropout" = {{ choices = [0.1, 0.2, 0.3] }}' for n in range(12))
    assert make_space(entries, "grid").count_points("grid") == MOST_POINTS + 1


def test_ablation_is_nothing_then_each_alone_then_all():
    space = make_space(
        """
l2 = { choices = [0.1, 0.01] }
patience = { low = 5, high = 15, step = 5 }
flip = { choices = ["both"] }
"training.learning_rate" = { choices = [0.01, 0.001] }
""",
        "ablation",
    )
    rate = {"training.learning_rate": 0.001}
    expected = [
        rate,
        {"l2": 0.1} | rate,
        {"l2": 0.01} | rate,
        {"patience": 5} | rate,
        {"patience": 10} | rate,
        {"patience": 15} | rate,
        {"flip": "both"} | rate,
        {"training.learning_rate": 0.01},
        {"l2": 0.1, "patience": 5, "flip": "both"} | rate,
    ]
    assert [dict(configuration) for configuration in walk(space, "ablation")] == [
        dict(Configuration(e)) for e in expected
    ]
    assert space.count_points("ablation") == len(expected)


def test_names_together_are_switched_on_as_one_in_every_combination():
    space = make_space(
        "l2 = { choices = [0.1] }\ndropout = { choices = [0.2] }\nl1 = { choices = [0.3, 0.4] }",
        "ablation",
        'together = [["l2", "l1"]]',
    )
    assert walk(space, "ablation") == [
        Configuration(),
        Configuration({"l2": 0.1, "l1": 0.3}),
        Configuration({"l2": 0.1, "l1": 0.4}),
        Configuration({"dropout": 0.2}),
        Configuration({"l2": 0.1, "l1": 0.3, "dropout": 0.2}),
    ]


def test_dependent_comes_with_the_first_technique_that_it_requires():
    space = make_space(
        'path = { choices = [1.0] }\n"dense_1.l2" = { choices = [0.2, 0.1] }\ndropout = { choices = [0.3] }', "ablation"
    )
    assert walk(space, "ablation") == [
        Configuration(),
        Configuration({"path": 1.0, "dense_1.l2": 0.2}),
        Configuration({"dense_1.l2": 0.2}),
        Configuration({"dense_1.l2": 0.1}),
        Configuration({"dropout": 0.3}),
        Configuration({"path": 1.0, "dense_1.l2": 0.2, "dropout": 0.3}),
    ]


def test_dependent_in_a_group_with_what_it_requires_brings_nothing_more():
    space = make_space(
        "path = { choices = [1.0] }\nl1 = { choices = [0.1] }\nl2 = { choices = [0.2] }",
        "ablation",
        'together = [["path", "l2"]]',
    )
    assert walk(space, "ablation")[1] == Configuration({"path": 1.0, "l2": 0.2})


def test_ablation_of_one_technique_does_not_try_it_twice():
    assert walk(make_space("l2 = { choices = [0.1] }", "ablation"), "ablation") == [
        Configuration(),
        Configuration({"l2": 0.1}),
    ]


def test_dependent_without_what_it_requires_makes_no_difference():
    space = make_space(
        "patience = { low = 5, high = 9 }\nstart_epoch = { low = 1, high = 20 }\ndropout = { low = 0.1, high = 0.5 }"
    )
    off = space.baseline()["patience"]
    one = {"patience": off, "start_epoch": 3, "dropout": 0.2}
    other = one | {"start_epoch": 17}
    assert space.configuration(one) == space.configuration(other) == Configuration({"dropout": 0.2})
    assert space.parameters(one) != space.parameters(other)
    on = Configuration({"patience": 7, "start_epoch": 3, "dropout": 0.2})
    assert space.configuration(one | {"patience": 7}) == on


def test_technique_in_some_layers_counts_for_what_requires_it():
    space = make_space('"dense_1.l2" = { choices = [0.1] }\npath = { choices = [2.0] }')
    assert space.configuration({"dense_1.l2": 0.1, "path": 2.0}) == Configuration({"dense_1.l2": 0.1, "path": 2.0})
    assert space.configuration({"dense_1.l2": "off", "path": 2.0}) == Configuration()


def test_text_choices_are_sampled_as_they_are():
    space = make_space('flip = { choices = ["both", "off", "vertical"] }')
    (dimension,) = space.dimensions
    assert dimension.distribution == CategoricalDistribution(("off", "both", "vertical"))
    assert space.configuration({"flip": "vertical"}) == Configuration({"flip": "vertical"})
    assert space.configuration(space.baseline()) == Configuration()


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
        trial = Trial(1, TrialState.RUNNING, space.configuration(sampled), parameters=space.parameters(sampled))
        assert space.sampled(trial) == sampled
        assert space.is_of(trial)


def _spec_with(entries: dict[str, Range | Choices]):
    spec = parse_study(
        '[study]\nname = "s"\nn_trials = 2\n[data]\nsource = "sklearn.make_moons"\n'
        '[model]\nfamily = "mlp"\nhidden = [8]\n[space]\nl2 = { low = 0.1, high = 0.2 }\n',
        "s.toml",
        CATALOGUE,
    )
    return spec.model_copy(update={"space": entries})


def test_what_means_nothing_without_a_technique_goes_with_it():
    space = make_space(
        "l2 = {low=1e-5, high=0.1}\npatience = {low=1, high=9}\nstart_epoch = {low=1, high=9}\n"
        'path = { choices = [4] }\n"training.batch_size" = { choices = [16, 32] }'
    )
    whole = Configuration({"l2": 0.01, "path": 4, "patience": 3, "start_epoch": 2, "training.batch_size": 16})
    assert space.without(whole, "patience") == Configuration({"l2": 0.01, "path": 4, "training.batch_size": 16})
    assert space.without(whole, "start_epoch") == Configuration({n: v for n, v in whole.items() if n != "start_epoch"})
    assert set(space.without(whole, "l2")) == {"patience", "start_epoch", "training.batch_size"}


def test_setting_that_is_taken_out_is_what_the_file_says():
    space = make_space('l2 = {low=1e-5, high=0.1}\n"training.batch_size" = { choices = [16, 32] }')
    whole = Configuration({"l2": 0.01, "training.batch_size": 16})
    assert space.without(whole, "training.batch_size") == Configuration({"l2": 0.01, "training.batch_size": 32})
    assert space.without(space.configuration(space.baseline()), "l2") == space.configuration(space.baseline())
