from __future__ import annotations

import pytest

from search.spec import parse_study
from search.spec.overrides import parse_overrides


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("training.epochs=3", ("training", "epochs"), 3),
        (" study . seed = 7 ", ("study", "seed"), 7),
        ("space.l2.low=1e-5", ("space", "l2", "low"), 1e-5),
        ('space."training.learning_rate".low=1e-4', ("space", "training.learning_rate", "low"), 1e-4),
        ("space.'a=b.l2'={low=1,high=2}", ("space", "a=b.l2"), {"low": 1, "high": 2}),
        ("study.sampler=random", ("study", "sampler"), "random"),
        ('study.sampler="random"', ("study", "sampler"), "random"),
        ("data.path=../a b.csv", ("data", "path"), "../a b.csv"),
        ("data.path=C:\\new\\t.csv", ("data", "path"), "C:\\new\\t.csv"),
        ("data.path=a=b", ("data", "path"), "a=b"),
        ("data.path=#1", ("data", "path"), "#1"),
        ("data.path=1, b = 2", ("data", "path"), "1, b = 2"),
        ("data.path=1 }\n[study", ("data", "path"), "1 }\n[study"),
        ("data.path=", ("data", "path"), ""),
        ("model.hidden=[8, 8]", ("model", "hidden"), [8, 8]),
        ("data.standardize=true", ("data", "standardize"), True),
        ("study.seed=" + "9" * 5000, ("study", "seed"), "9" * 5000),
    ],
)
def test_value_is_toml_or_else_bare_text(text, path, value):
    (override,), problems = parse_overrides([text])
    assert (override.path, override.value, problems) == (path, value, [])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "epochs 3",
            '--set epochs 3: expected table.key=value, received "epochs 3". '
            "Write the value behind an equals sign, as in training.epochs=100.",
        ),
        (
            "=3",
            '--set =3: expected table.key=value, received "=3". A name of more than letters, digits, "_" and "-" '
            'stands in quotes, as in space."dense_2.l1".low=1e-5.',
        ),
        (
            "space.dense_*.l1.low=3",
            '--set space.dense_*.l1.low=3: expected table.key=value, received "space.dense_*.l1.low=3". A name of '
            'more than letters, digits, "_" and "-" stands in quotes, as in space."dense_2.l1".low=1e-5.',
        ),
        (
            "space.l2={low=1 high=2}",
            '--set space.l2={low=1 high=2}: expected a TOML value after the =, received "{low=1 high=2}". '
            "Tables, lists and quoted text are written as in the study file.",
        ),
        (
            "model.hidden=[1,",
            '--set model.hidden=[1,: expected a TOML value after the =, received "[1,". '
            "Tables, lists and quoted text are written as in the study file.",
        ),
        (
            "study.seed.x=3",
            "--set study.seed.x=3: expected a table at study.seed, received 1. Set the table as a whole.",
        ),
        (
            "training.epochs=many",
            '--set training.epochs=many: expected a whole number of at least 1, received "many".',
        ),
        (
            "epochs=3",
            "--set epochs=3: expected one of the tables study, data, split, model, training, objective, space or "
            'confirm, received "epochs". It belongs in [training].',
        ),
        (
            "trianing.epochs=3",
            "--set trianing.epochs=3: expected one of the tables study, data, split, model, training, objective, "
            'space or confirm, received "trianing". Did you mean "training"?',
        ),
        (
            "space.dropout.high=1.5",
            "--set space.dropout.high=1.5: expected 0 < low < high < 1, received high = 1.5. Did you mean 0.15?",
        ),
        (
            "space.dropout.low=0.7",
            "--set space.dropout.low=0.7: expected 0 < low < high < 1, received low = 0.7, high = 0.6. Swap them.",
        ),
        (
            "confirm.finalists=-3",
            "--set confirm.finalists=-3: expected a whole number of at least 0, received -3. Did you mean 3?",
        ),
        (
            "study.name=a\x00b",
            "--set study.name=a\N{REPLACEMENT CHARACTER}b: expected Unicode text without the character NUL, "
            'received "a\\u0000b".',
        ),
        (
            "space.l1={lwo=1}",
            "--set space.l1={lwo=1}: expected one of the keys low, high, log or step, "
            'received "lwo". Did you mean "low"?',
        ),
    ],
)
def test_refused_override_is_named_as_it_was_given(problems_of, valid, text, sentence):
    assert problems_of(valid, text)[0] == sentence


def test_key_of_an_inline_table_changes_alone(catalogue, valid):
    spec = parse_study(valid, "s.toml", catalogue, ["space.l2.low=1e-5", "split.validation.folds=3"])
    assert (spec.space["l2"].low, spec.space["l2"].high, spec.space["l2"].log) == (1e-5, 0.1, True)
    assert (spec.split.validation.method, spec.split.validation.folds) == ("kfold", 3)


def test_table_is_replaced_as_a_whole(catalogue, valid):
    spec = parse_study(
        valid, "s.toml", catalogue, ["space.l2={choices=[1e-3]}", 'split.validation={method="head", train=30}']
    )
    assert spec.space["l2"].choices == (1e-3,)
    assert spec.split.validation.train == 30


def test_later_override_wins(catalogue, valid):
    assert parse_study(valid, "s.toml", catalogue, ["study.seed=2", "study.seed=3"]).study.seed == 3


def test_override_repairs_what_the_file_gets_wrong(catalogue, valid):
    wrong = valid.replace("seed = 1", 'seed = "one"')
    assert parse_study(wrong, "s.toml", catalogue, ["study.seed=3"]).study.seed == 3


def test_table_that_the_file_lacks_is_made(catalogue, valid):
    spec = parse_study(valid.replace("[objective]\nmetric", "#"), "s.toml", catalogue, ["objective.seeds=2"])
    assert spec.objective.seeds == 2


def test_problem_of_the_file_is_not_laid_on_an_override_beside_it(problems_of, valid):
    text = valid.replace("[study]\nname", "[study]\n#")
    assert problems_of(text, "study.seed=3") == [
        's.toml:2 [study.name]: expected text of 1 to 100 letters, digits, ".", "_" and "-" that begins with a '
        "letter or digit, received nothing."
    ]


def test_problems_of_file_and_overrides_come_together(problems_of, valid):
    text = valid.replace("test = 0.3", "test = 3.5")
    assert problems_of(text, "study.seed=x", "nonsense", "training.epochs=0") == [
        "s.toml:10 [split.test]: expected a number above 0 and below 1, or a whole number of at least 0, "
        "received 3.5. Did you mean 0.35?",
        '--set study.seed=x: expected a whole number of at least 0 and below 2147483648, received "x".',
        "--set training.epochs=0: expected a whole number of at least 1, received 0.",
        '--set nonsense: expected table.key=value, received "nonsense". '
        "Write the value behind an equals sign, as in training.epochs=100.",
    ]
