from __future__ import annotations

import re

import pytest

from search.errors import StudyFileError
from search.spec import Choices, Domain, Range, parse_study, technique_of, with_choices

DROPOUT = "{ low = 0.05, high = 0.6 }"
PLACE = "s.toml:23 [space.dropout"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("{low=0.1, high=1.5}", "]: expected 0 < low < high < 1, received high = 1.5. Did you mean 0.15?"),
        ("{low=-0.1, high=0.5}", "]: expected 0 < low < high < 1, received low = -0.1. Did you mean 0.1?"),
        ("{low=0, high=0.5}", "]: expected 0 < low < high < 1, received low = 0. Begin above 0."),
        ("{low=0.5, high=1}", "]: expected 0 < low < high < 1, received high = 1."),
        ("{low=0.6, high=0.1}", "]: expected 0 < low < high < 1, received low = 0.6, high = 0.1. Swap them."),
        (
            "{low=0.1, high=0.1}",
            "]: expected 0 < low < high < 1, received low = 0.1, high = 0.1. "
            "A single value is a list: { choices = [...] }.",
        ),
        ("{low=0.1, high=0.5, step=0.9}", "]: expected 0 < step <= high - low = 0.4, received step = 0.9."),
        ("{low=0.1, high=0.5, step=0}", "]: expected 0 < step <= high - low = 0.4, received step = 0."),
        (
            "{low=0.1, high=0.5, step=0.1, log=true}",
            "]: expected no step, since log = true, received step = 0.1. Leave one of the two out.",
        ),
        ("{low=0.1, high=true}", ".high]: expected a number, received true."),
        ('{low=0.1, high="0.3"}', '.high]: expected a number, received "0.3". Did you mean 0.3?'),
        ("{low=0.1, high=nan}", ".high]: expected a finite number, received nan."),
        ("{low=0.1}", ".high]: expected a number, received nothing."),
        ("{low=0.1, high=0.3, log=1}", ".log]: expected true or false, received 1."),
        ("{choices=[]}", ".choices]: expected a non-empty list of values, received []."),
        ("{choices=0.1}", ".choices]: expected a non-empty list of values, received 0.1."),
        ("{choices=[0.1, 0.2, 0.1]}", "]: expected each choice once, received [0.1, 0.2, 0.1]."),
        ('{choices=["off"]}', ']: expected a choice besides "off", received ["off"]. "off" is tried anyway.'),
        (
            "{choices=[0.1, 30, true, {a=1}]}",
            ']: expected each choice to be a number above 0 and below 1 or "off", received 30, true, {a = 1}. '
            "Did you mean 0.3?",
        ),
        (
            '{choices=["of"]}',
            ']: expected each choice to be a number above 0 and below 1 or "off", received "of". Did you mean "off"?',
        ),
        (
            "{choices=[0]}",
            ']: expected each choice to be a number above 0 and below 1 or "off", received 0. '
            'Write "off" for a technique that is not used.',
        ),
        (
            "{choices=[0.1], low=0.1}",
            '.low]: expected one of the keys choices, received "low". Give either low and high, or choices.',
        ),
        (
            "0.3",
            "]: expected a table with low and high, or with choices, received 0.3. Write { choices = [0.3] }.",
        ),
        (
            "[0.3]",
            "]: expected a table with low and high, or with choices, received [0.3]. Write { choices = [0.3] }.",
        ),
    ],
)
def test_impossible_values_of_a_technique_are_refused(problems_of, valid, entry, sentence):
    assert problems_of(valid.replace(DROPOUT, entry)) == [PLACE + sentence]


@pytest.mark.parametrize(
    ("entry", "sentences"),
    [
        (
            "drop_out = {low=0.1, high=0.5}",
            '[space.drop_out]: expected a technique, received "drop_out". Did you mean "dropout"?',
        ),
        (
            "learning_rate = {low=0.1, high=0.5}",
            '[space.learning_rate]: expected a technique, received "learning_rate". '
            'Did you mean "training.learning_rate"?',
        ),
        (
            "zzz = {low=0.1, high=0.5}",
            '[space.zzz]: expected a technique, received "zzz". '
            "Known are dropout, flip, l1, l2, path, patience, start_epoch.",
        ),
        (
            '"dense_2.zzz" = {low=0.1, high=0.5}',
            '[space."dense_2.zzz"]: expected a technique for layers, received "dense_2.zzz". '
            "Known are dropout, l1, l2.",
        ),
        (
            '"dense_2.dropuot" = {low=0.1, high=0.5}',
            '[space."dense_2.dropuot"]: expected a technique for layers, received "dense_2.dropuot". '
            'Did you mean "dense_2.dropout"?',
        ),
        (
            '"dense_2.patience" = {low=1, high=5}',
            '[space."dense_2.patience"]: expected a technique for layers, received "dense_2.patience". '
            "patience is for the whole model: write patience = ...",
        ),
        (
            '".l2" = {low=1, high=5}',
            '[space.".l2"]: expected a technique for layers, received ".l2". '
            'Name the layers before the dot, as in "dense_2.l2".',
        ),
        (
            "training.epochs = {low=1, high=500}",
            "[space.training]: expected a table with low and high, or with choices, received the table epochs. "
            'A name with a dot stands in quotes: space."training.epochs".',
        ),
        (
            '"training.epochs" = {low=1, high=50}',
            '[space."training.epochs"]: expected a range with the baseline\'s value, training.epochs = 100, '
            "received low = 1, high = 50. Set `training.epochs` to a value inside.",
        ),
        (
            '"training.epochs" = {low=1, high=201, step=50}',
            '[space."training.epochs"]: expected a stepped range with the baseline\'s value, '
            "training.epochs = 100, received low = 1, high = 201, step = 50. "
            "Set `training.epochs` to a value inside.",
        ),
        (
            '"training.epochs" = {low=1, high=201, step=0.5}',
            '[space."training.epochs"]: expected a whole number, received step = 0.5.',
        ),
        (
            '"training.epochs" = {low=1, high=100.5}',
            '[space."training.epochs"]: expected whole numbers with 1 <= low < high, received high = 100.5. '
            "Did you mean 100?",
        ),
        (
            '"training.optimizer" = {choices=["adam", "sdg"]}',
            '[space."training.optimizer"]: expected each choice to be "adam" or "sgd", received "sdg". '
            'Did you mean "sgd"?',
        ),
        (
            '"training.optimizer" = {choices=["off", "adam"]}',
            '[space."training.optimizer"]: expected each choice to be "adam" or "sgd", received "off". '
            "training.optimizer is a setting, which cannot be off.",
        ),
        (
            '"training.optimizer" = {low=1, high=2}',
            '[space."training.optimizer"]: expected a table with choices, since optimizer is not a number, '
            "received a range. Write { choices = [...] }.",
        ),
        (
            '"training.engine" = {choices=["fit"]}',
            '[space."training.engine"]: expected "training.optimizer", "training.learning_rate", '
            '"training.class_weight", "training.epochs", '
            '"training.batch_size" or "training.precision", received "training.engine". training.engine cannot be '
            "searched.",
        ),
        (
            '"model.hidden" = {choices=[[500], [8, 0]]}',
            '[space."model.hidden"]: expected each choice to be a list of whole numbers of at least 1, '
            "received [8, 0].",
        ),
        (
            '"model.hidden" = {choices=[[8], [8, 8]]}',
            '[space."model.hidden"]: expected choices with the baseline\'s value, model.hidden = [500], '
            "received [[8], [8, 8]]. Set `model.hidden` to a value inside.",
        ),
        (
            "flip = {low=1, high=2}",
            "[space.flip]: expected a table with choices, since flip is not a number, received a range. "
            'Write { choices = ["horizontal", "vertical", "both"] }.',
        ),
        (
            'flip = {choices=["horizontl", 1, true]}',
            '[space.flip]: expected each choice to be "horizontal", "vertical", "both" or "off", '
            'received "horizontl", 1, true. Did you mean "horizontal"?',
        ),
        (
            "flip = {choices=[0]}",
            '[space.flip]: expected each choice to be "horizontal", "vertical", "both" or "off", received 0. '
            'Write "off" for a technique that is not used.',
        ),
        (
            '"model.weights" = {choices=["fresh", "saved"]}',
            '[space."model.weights"]: expected "model.hidden" or "model.activation", received "model.weights". '
            "model.weights cannot be searched.",
        ),
        (
            '"model.family" = {choices=["mlp"]}',
            '[space."model.family"]: expected "model.hidden" or "model.activation", received "model.family". '
            "model.family cannot be searched.",
        ),
    ],
)
def test_impossible_names_and_settings_are_refused(problems_of, valid, entry, sentences):
    assert problems_of(valid.replace("[confirm]", f"{entry}\n[confirm]")) == [f"s.toml:27 {sentences}"]


def test_baseline_needs_a_value_of_a_searched_activation(problems_of, valid):
    text = valid.replace('activation = "relu"', "").replace(
        "[confirm]", '"model.activation" = {choices=["tanh"]}\n[confirm]'
    )
    assert problems_of(text) == [
        's.toml:27 [space."model.activation"]: expected a value of model.activation for the baseline, '
        "received nothing. Set `model.activation` to a value inside."
    ]


def test_empty_space_is_refused(problems_of, valid):
    text = valid[: valid.index("l2 =")]
    assert problems_of(text) == [
        "s.toml:21 [space]: expected at least one name to search, received none. "
        "Name a technique, as in l2 = { low = 1e-6, high = 0.1, log = true }."
    ]


def test_numbers_get_the_type_of_their_parameter(catalogue, valid):
    added = (
        'l1 = {choices=["off", 1, 0.5]}\n"*.dropout" = {low=0.1, high=0.3, step=0.2}\n'
        '"training.epochs" = {choices=[1e2, 200]}\n"model.hidden" = {choices=[[500], []]}\n[confirm]'
    )
    text = valid.replace("low = 10, high = 400", "low = 1e1, high = 4e2").replace("[confirm]", added)
    space = parse_study(text, "s.toml", catalogue).space
    assert repr(space["patience"]) == repr(Range(low=10, high=400, log=True))
    assert repr(space["l1"]) == repr(Choices(choices=("off", 1.0, 0.5)))
    assert repr(space["training.epochs"]) == repr(Choices(choices=(100, 200)))
    assert space["model.hidden"].choices == ((500,), ())
    assert space["*.dropout"].step == 0.2


def test_text_choices_are_read_as_they_are(catalogue, valid):
    text = valid.replace("[confirm]", 'flip = {choices=["both", "off", "vertical"]}\n[confirm]')
    assert parse_study(text, "s.toml", catalogue).space["flip"].choices == ("both", "off", "vertical")


def test_technique_that_means_nothing_alone_is_refused(problems_of, valid):
    alone = valid[: valid.index("l2 =")]
    assert problems_of(
        f"{alone}dropout = {DROPOUT}\nstart_epoch = {{low=1, high=9}}\npath = {{low=0.1, high=1}}\n"
    ) == [
        's.toml:23 [space.start_epoch]: expected "patience" in [space], without which start_epoch means nothing, '
        "received none. Add patience, or leave start_epoch out.",
        's.toml:24 [space.path]: expected "l1" or "l2" in [space], without which path means nothing, '
        "received none. Add l1 or l2, or leave path out.",
    ]


def test_technique_in_some_layers_is_what_another_requires(problems_of, valid):
    alone = valid[: valid.index("l2 =")]
    assert problems_of(f'{alone}"dense_1.l2" = {{low=0.1, high=1}}\npath = {{low=0.1, high=1}}\n') == []


def test_requirement_that_cannot_be_read_is_the_only_problem(problems_of, valid):
    alone = valid[: valid.index("l2 =")]
    assert problems_of(f"{alone}patience = 3\nstart_epoch = {{low=1, high=9}}\n") == [
        "s.toml:22 [space.patience]: expected a table with low and high, or with choices, received 3. "
        "Write { choices = [3] }."
    ]


ABLATION = """\
l2 = { choices = [1e-3] }
dropout = { choices = [0.2] }
flip = { choices = ["both"] }
"training.learning_rate" = { choices = [1e-3, 1e-2] }
"""


@pytest.mark.parametrize(
    ("lines", "sentences"),
    [
        ('sampler = "ablation"\ntogether = [["l2", "flip"]]', []),
        (
            'sampler = "ablation"\ntogether = [["l2", "flop"], ["training.learning_rate", "dropout"]]',
            [
                '5 [study.together]: expected names of [space], "l2", "dropout", "flip" or "training.learning_rate", '
                'received "flop". Did you mean "flip"?'
            ],
        ),
        ('sampler = "ablation"\ntogether = [["training.learning_rate", "dropout"]]', []),
        (
            'sampler = "ablation"\ntogether = [["l2", "flip"], ["dropout", "flip"]]',
            ['5 [study.together]: expected each name once, received "flip" 2 times.'],
        ),
        (
            'sampler = "grid"\ntogether = [["l2", "flip"]]',
            [
                '5 [study.together]: expected no together, since sampler = "grid", received [["l2", "flip"]]. '
                'Only sampler = "ablation" switches names on together.'
            ],
        ),
        (
            'sampler = "ablation"\ntogether = ["l2", "flip"]',
            [
                '5 [study.together]: expected a list of lists of names, as in [["rotation", "shift"]], '
                'received ["l2", "flip"].'
            ],
        ),
    ],
)
def test_names_that_an_ablation_switches_on_together(problems_of, valid, lines, sentences):
    text = valid[: valid.index("l2 =")].replace("n_trials = 60", lines) + ABLATION
    assert problems_of(text) == [f"s.toml:{sentence}" for sentence in sentences]


def test_ablation_of_settings_alone_knows_no_other_names(problems_of, valid):
    text = valid[: valid.index("l2 =")].replace("n_trials = 60", 'sampler = "ablation"\ntogether = [["l2"]]')
    assert problems_of(text + '"training.epochs" = { choices = [100, 200] }\n') == [
        's.toml:5 [study.together]: expected names of [space], "training.epochs", received "l2".'
    ]


@pytest.mark.parametrize("sampler", ["grid", "ablation"])
def test_walk_needs_points(problems_of, valid, sampler):
    assert problems_of(valid, f"study.sampler={sampler}") == [
        f's.toml:{line} [space.{name}]: expected choices, or a range of points, since sampler = "{sampler}", '
        f"received {received}. Give the points as choices."
        for line, name, received in (
            (22, "l2", "log = true"),
            (23, "dropout", "no step"),
            (24, "patience", "log = true"),
            (26, '"training.learning_rate"', "log = true"),
        )
    ]


@pytest.mark.parametrize("sampler", ["grid", "ablation"])
def test_walk_over_choices_steps_and_whole_numbers_ends_by_itself(catalogue, valid, sampler):
    text = valid[: valid.index("l2 =")].replace("n_trials = 60", f'sampler = "{sampler}"')
    text += "l2 = {choices=[1e-3]}\ndropout = {low=0.1, high=0.5, step=0.1}\npatience = {low=5, high=9}\n"
    spec = parse_study(text, "s.toml", catalogue)
    assert (spec.study.n_trials, spec.study.sampler) == (None, sampler)


def test_domain_of_texts_gives_a_program_their_places():
    flip = Domain(kind="choice", names=("horizontal", "vertical"), meaning="mirrored axes", source="a paper")
    assert [flip.number(name) for name in flip.names] == [1.0, 2.0]
    assert [flip.contains(value) for value in ("vertical", "off", 1)] == [True, False, False]
    assert flip.describe() == '"horizontal" or "vertical"'


def test_domain_of_numbers_gives_a_program_the_number():
    rate = Domain(kind="float", high=1, low_open=True, high_open=True, meaning="rate", source="a paper")
    assert (rate.number(0.25), rate.contains(0.25), rate.contains("0.25")) == (0.25, True, False)
    assert rate.describe() == "a number above 0 and below 1"


@pytest.mark.parametrize(("kind", "names"), [("choice", ()), ("float", ("on",))])
def test_domain_has_names_exactly_for_a_choice(kind, names):
    sentence = f"expected names for a choice and none for numbers, received {kind}, {names}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Domain(kind=kind, names=names, meaning="", source="")


def test_name_tells_its_technique():
    assert [technique_of(name) for name in ("l2", "dense_*.l2", "training.epochs", "model.hidden")] == [
        "l2",
        "l2",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("entry", "sentences"),
    [
        ('"dense_1.l2" = {choices=[0, 0.1]}', []),
        ('"dense_1.l2" = {low=0, high=0.1}', []),
        (
            '"dense_1.l2" = {low=0, high=0.1, log=true}',
            [
                '[space."dense_1.l2"]: expected low > 0, since log = true, received low = 0. Zero has no '
                "logarithm; give choices to have it tried."
            ],
        ),
        (
            "l2 = {choices=[0]}",
            [
                '[space.l2]: expected each choice to be a number above 0 or "off", received 0. Write "off" for a '
                'technique that is not used, or name the layers: "LAYER.l2" takes 0.'
            ],
        ),
        (
            '"dense_1.dropout" = {choices=[0]}',
            [
                '[space."dense_1.dropout"]: expected each choice to be a number above 0 and below 1 or "off", '
                'received 0. Write "off" for a technique that is not used.'
            ],
        ),
    ],
)
def test_zero_switches_off_what_a_layer_that_is_named_has_of_its_own(problems_of, valid, entry, sentences):
    found = problems_of(valid.replace("l2 = { low = 1e-6, high = 1e-1, log = true }", entry))
    assert [sentence.partition(" ")[2] for sentence in found] == sentences


def test_space_may_be_left_to_what_the_model_brings(problems_of, valid):
    head, _, _ = valid.partition("[space]")
    assert any("expected the table [space]" in sentence for sentence in problems_of(head))
    own = ["model.own=search", "model.keras=net.keras"]
    assert not any("space" in sentence for sentence in problems_of(head, *own))
    assert not any("space" in sentence for sentence in problems_of(head + "[space]\n", *own))


def test_space_takes_other_values_or_another_name(catalogue, valid):
    spec = parse_study(valid, "s.toml", catalogue)
    wider = with_choices(spec, "l2", [1, 1e-7], catalogue, "--over l2")
    assert wider.space == {**spec.space, "l2": Choices(choices=(1.0, 1e-7))}
    assert [type(value) for value in wider.space["l2"].choices] == [float, float]
    assert wider.training == spec.training
    new = with_choices(spec, "dense_1.l1", [0.1], catalogue, "--over dense_1.l1")
    assert new.space == {**spec.space, "dense_1.l1": Choices(choices=(0.1,))}


@pytest.mark.parametrize(
    ("name", "choices", "sentence"),
    [
        ("l2", [-1.0], "here [space.l2]: expected each choice to be"),
        ("dropou", [0.1], 'here [space.dropou]: expected a technique, received "dropou". Did you mean "dropout"?'),
        ("training.epoch", [3], 'received "training.epoch". Did you mean "training.epochs"?'),
        ("training.epochs", [3], "expected choices with the baseline's value, training.epochs = "),
    ],
)
def test_other_values_are_checked_as_those_of_a_file(catalogue, valid, name, choices, sentence):
    spec = parse_study(valid, "s.toml", catalogue)
    with pytest.raises(StudyFileError) as caught:
        with_choices(spec, name, choices, catalogue, "here")
    assert sentence in str(caught.value)


def test_list_that_a_builder_is_given_is_among_its_choices(problems_of, valid):
    text = valid.replace('family = "mlp"', 'builder = "net.py:build"\noptions = { widths = [8, 4] }')
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("hidden", "activation")))
    text = text.replace("[space]", '[space]\n"model.options.widths" = { choices = [[8, 4], [16]] }')
    assert problems_of(text) == []
