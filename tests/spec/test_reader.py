from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search.errors import StudyFileError
from search.spec import parse_study, read_study

SOURCES = '"sklearn.NAME", "csv", "parquet", "npz", "images", "keras.NAME" or "FILE.py:function"'


def read_problems(path, catalogue) -> list[str]:
    with pytest.raises(StudyFileError) as caught:
        read_study(path, catalogue)
    return [str(problem).replace(str(path.parent), "DIR") for problem in caught.value.problems]


def test_valid_study_is_read_with_its_defaults(catalogue, valid, tmp_path):
    path = tmp_path / "moons.toml"
    path.write_text(valid)
    spec = read_study(path, catalogue, ["training.epochs=3"])
    assert (spec.study.name, spec.study.sampler, spec.study.window) == ("moons", "tpe", None)
    assert (spec.training.epochs, spec.training.batch_size) == (3, 32)
    assert spec.model.hidden == (500,)
    assert spec.data.options == {"n_samples": 100, "noise": 0.2}
    assert list(spec.space) == ["l2", "dropout", "patience", "dense_2.l1", "training.learning_rate"]


def test_windows_line_ends_and_byte_order_mark_are_read(catalogue, valid, tmp_path):
    path = tmp_path / "moons.toml"
    path.write_bytes(b"\xef\xbb\xbf" + valid.replace("\n", "\r\n").encode())
    assert read_study(path, catalogue) == parse_study(valid, "s.toml", catalogue)


def test_missing_file_is_told_with_its_neighbour(catalogue, tmp_path):
    (tmp_path / "moons.toml").write_text("")
    assert read_problems(tmp_path / "mons.toml", catalogue) == [
        'DIR/mons.toml: expected a study file, received a path where there is none. Did you mean "DIR/moons.toml"?'
    ]
    assert read_problems(tmp_path / "no" / "x.toml", catalogue) == [
        "DIR/x.toml: expected a study file, received a path where there is none."
    ]


def test_directory_is_refused(catalogue, tmp_path):
    (tmp_path / "d").mkdir()
    assert read_problems(tmp_path / "d", catalogue) == ["DIR/d: expected a study file, received a directory."]


def test_path_that_no_system_can_open_is_refused(catalogue):
    with pytest.raises(StudyFileError, match="expected a study file that can be read, received: embedded null"):
        read_study(Path("a\0b.toml"), catalogue)


def test_other_encodings_are_refused_with_the_line(catalogue, tmp_path):
    path = tmp_path / "s.toml"
    path.write_bytes('[study]\nname = "Übung"\n'.encode("latin-1"))
    assert read_problems(path, catalogue) == [
        "DIR/s.toml:2: expected text in UTF-8, received the byte 0xdc. Save the file as UTF-8."
    ]


def test_unreadable_file_and_bad_override_are_told_together(catalogue, tmp_path):
    with pytest.raises(StudyFileError) as caught:
        read_study(tmp_path / "x.toml", catalogue, ["nonsense"])
    assert [problem.place for problem in caught.value.problems] == [str(tmp_path / "x.toml"), "--set nonsense"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "s.toml: expected a study, received an empty file. The README shows one."),
        ("# only a comment\n", "s.toml: expected a study, received an empty file. The README shows one."),
        (
            "[study]\nsampler = tpe\n",
            's.toml:2: expected TOML, received "sampler = tpe". '
            'Invalid value at column 11; text stands in quotes, as in sampler = "tpe".',
        ),
        (
            '[study]\nname = "a"\nname = "b"\n',
            's.toml:3: expected TOML, received "name = \\"b\\"". This name is given twice.',
        ),
        (
            "[study]\nseed = [1,\n",
            's.toml:2: expected TOML, received "seed = [1,". Invalid value at the end of the file.',
        ),
        ("a = " + "9" * 5000, "s.toml: expected a TOML document, received a number too long to read."),
        ("a = " + "[" * 5000 + "]" * 5000, "s.toml: expected a TOML document, received too deep a nesting."),
        (
            "[data]\na = " + "[" * 50 + "]" * 50,
            "s.toml:2 [data.a]: expected at most 12 levels of nesting, received more.",
        ),
    ],
)
def test_text_that_is_no_study_is_refused(problems_of, text, sentence):
    assert problems_of(text) == [sentence]


def test_missing_tables_are_all_named(problems_of):
    assert problems_of("[training]\n") == [
        "s.toml:1 [study]: expected the table [study], received none. Add [study].",
        "s.toml:1 [data]: expected the table [data], received none. Add [data].",
        "s.toml:1 [model]: expected the table [model], received none. Add [model].",
        "s.toml:1 [space]: expected the table [space], received none. Add [space].",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "seed = 1",
            'seed = "5"',
            '5 [study.seed]: expected a whole number of at least 0 and below 2147483648, received "5". Did you mean 5?',
        ),
        (
            "seed = 1",
            "seed = true",
            "5 [study.seed]: expected a whole number of at least 0 and below 2147483648, received true.",
        ),
        ("n_trials = 60", "n_trials = 0", "4 [study.n_trials]: expected a whole number of at least 1, received 0."),
        (
            "n_trials = 60",
            "",
            "2 [study.n_trials]: expected a whole number of at least 1, received nothing. "
            'Only sampler = "grid" or "ablation" ends by itself.',
        ),
        (
            "n_trials = 60",
            "n_trials = 9223372036854775808",
            "4 [study.n_trials]: expected a number of at most 64 bits, received 9223372036854775808.",
        ),
        (
            'name = "moons"',
            'name = "my moons"',
            '3 [study.name]: expected text of 1 to 100 letters, digits, ".", "_" and "-" that begins with a letter '
            'or digit, received "my moons".',
        ),
        (
            'name = "moons"',
            "name = 2024",
            '3 [study.name]: expected text of 1 to 100 letters, digits, ".", "_" and "-" that begins with a letter '
            'or digit, received 2024. In quotes it is text: "2024".',
        ),
        (
            "seed = 1",
            'sampler = "TEP"',
            '5 [study.sampler]: expected "tpe", "random", "grid", "ablation", "qmc", "gp" or "cmaes", received "TEP". '
            'Did you mean "tpe"?',
        ),
        (
            "seed = 1",
            "ephocs = 1",
            "5 [study.ephocs]: expected one of the keys name, n_trials, seed, sampler, together, pruner, window or "
            'n_startup_trials, received "ephocs". Did you mean "epochs" of [training]?',
        ),
        (
            "seed = 1",
            "batch_size = 1",
            "5 [study.batch_size]: expected one of the keys name, n_trials, seed, sampler, together, pruner, window or "
            'n_startup_trials, received "batch_size". It belongs in [training].',
        ),
        (
            "seed = 1",
            "seed = 1979-05-27",
            "5 [study.seed]: expected no date or time, received 1979-05-27. "
            "Text that looks like a date stands in quotes.",
        ),
        (
            "noise = 0.2",
            "noise = inf",
            "8 [data.options.noise]: expected a finite number, received inf.",
        ),
        (
            '"sklearn.make_moons"',
            '"make_moons"',
            f'7 [data.source]: expected {SOURCES}, received "make_moons". Did you mean "sklearn.make_moons"?',
        ),
        (
            '"sklearn.make_moons"',
            '"sklaern.make_moons"',
            f'7 [data.source]: expected {SOURCES}, received "sklaern.make_moons". Did you mean "sklearn.make_moons"?',
        ),
        (
            '"sklearn.make_moons"',
            '"rows/sonar.csv"',
            f"7 [data.source]: expected {SOURCES}, received "
            '"rows/sonar.csv". Write source = "csv" and path = "rows/sonar.csv".',
        ),
        (
            '"sklearn.make_moons"',
            '"rows.py"',
            f'7 [data.source]: expected {SOURCES}, received "rows.py". Name its function, as in "rows.py:load".',
        ),
        (
            "[split]",
            'path = "a.csv"\n[split]',
            '9 [data.path]: expected no path, since source = "sklearn.make_moons", received "a.csv".',
        ),
        (
            "test = 0.3",
            "test = 1.0",
            "10 [split.test]: expected a number above 0 and below 1, or a whole number of at least 0, received 1.0. "
            "Did you mean 1?",
        ),
        (
            "test = 0.3",
            'stop = "validatoin"',
            '10 [split.stop]: expected a number above 0 and below 1, or "validation", received "validatoin". '
            'Did you mean "validation"?',
        ),
        (
            "folds = 5",
            "folds = 1",
            "11 [split.validation.folds]: expected a whole number of at least 2, received 1.",
        ),
        (
            '"kfold", folds = 5',
            '"k-fold"',
            '11 [split.validation.method]: expected method = "holdout", "kfold" or "head", received "k-fold". '
            'Did you mean "kfold"?',
        ),
        (
            '{ method = "kfold", folds = 5 }',
            '"kfold"',
            '11 [split.validation]: expected a table with method = "holdout", "kfold" or "head", received "kfold". '
            'Write { method = "kfold" }.',
        ),
        (
            '"kfold", folds = 5',
            '"head"',
            "11 [split.validation.train]: expected a whole number of at least 1, received nothing.",
        ),
        (
            '"kfold", folds = 5',
            '"head", train = 30, folds = 5',
            '11 [split.validation.folds]: expected one of the keys method or train, received "folds".',
        ),
        ('"mlp"', '"cnn"', '13 [model.family]: expected "linear" or "mlp", received "cnn".'),
        ('"mlp"', '"mpl"', '13 [model.family]: expected "linear" or "mlp", received "mpl". Did you mean "mlp"?'),
        (
            'family = "mlp"\nhidden = [500]\nactivation = "relu"',
            'builder = "a.py"',
            '13 [model.builder]: expected "FILE.py:function", received "a.py".',
        ),
        (
            'family = "mlp"\nhidden = [500]\nactivation = "relu"',
            'keras = "a.h5"',
            '13 [model.keras]: expected a file that ends in ".keras", received "a.h5".',
        ),
        (
            "hidden = [500]",
            'hidden = [500]\nweights = "saved"',
            '15 [model.weights]: expected no weights, since family = "mlp" does not take it, received "saved".',
        ),
        (
            'family = "mlp"\nhidden = [500]\nactivation = "relu"',
            'keras = "a.keras"\nkernel_size = 3',
            '14 [model.kernel_size]: expected no kernel_size, since keras = "a.keras" does not take it, received 3.',
        ),
        (
            'family = "mlp"\nhidden = [500]\nactivation = "relu"',
            'builder = "a.py:f"\nweights = "old"',
            '14 [model.weights]: expected "fresh" or "saved", received "old".',
        ),
        (
            'activation = "relu"',
            'keras = "a.keras"',
            "15 [model.keras]: expected only one of the keys family, builder or keras, received family and keras. "
            "Leave out all but one of them.",
        ),
        (
            'family = "mlp"\n',
            "",
            "12 [model]: expected one of the keys family, builder or keras, received none of them. "
            'Name a family: "linear" or "mlp".',
        ),
        (
            "hidden = [500]\n",
            "",
            "12 [model.hidden]: expected a list of whole numbers of at least 1, received nothing. "
            "hidden = [] is a model without hidden layers.",
        ),
        (
            "hidden = [500]",
            "hidden = [500, 0.5]",
            "14 [model.hidden]: expected a list of whole numbers of at least 1, received [500, 0.5].",
        ),
        (
            '"relu"',
            '"rleu"',
            '15 [model.activation]: expected "relu" or "tanh", received "rleu". Did you mean "relu"?',
        ),
        (
            '"adam"',
            '"Adam"',
            '17 [training.optimizer]: expected "adam" or "sgd", received "Adam". Did you mean "adam"?',
        ),
        (
            "learning_rate = 1e-3",
            "learning_rate = -1e-3",
            "18 [training.learning_rate]: expected a number above 0, received -0.001. Did you mean 0.001?",
        ),
        (
            '"log_loss"',
            '"logloss"',
            '20 [objective.metric]: expected "log_loss", "accuracy", "balanced_accuracy", "f1_macro", "mse", "mae", '
            '"r2" or "FILE.py:function", received "logloss". Did you mean "log_loss"?',
        ),
        (
            '"log_loss"',
            '"costs.py:cost"',
            '19 [objective.direction]: expected "minimize" or "maximize", since metric = "costs.py:cost", received '
            "nothing.",
        ),
        (
            '"log_loss"',
            '{ name = "log_loss", k = 2 }',
            '20 [objective.metric.k]: expected none, received "k".',
        ),
        (
            '"log_loss"',
            '{ name = "logloss" }',
            '20 [objective.metric]: expected "accuracy", "balanced_accuracy", "f1_macro", "log_loss", "mae", "mse" or '
            '"r2", received "logloss". Did you mean "log_loss"?',
        ),
        (
            '"log_loss"',
            "3",
            "20 [objective.metric]: expected a name, or a table with a name and arguments, received 3. "
            'In quotes it is text: "3".',
        ),
        (
            '"log_loss"',
            '"costs.py"',
            '20 [objective.metric]: expected "log_loss", "accuracy", "balanced_accuracy", "f1_macro", "mse", "mae", '
            '"r2" or "FILE.py:function", received "costs.py".',
        ),
        (
            '"log_loss"',
            '"costs.py:cost"\ndirection = "up"',
            '21 [objective.direction]: expected "minimize" or "maximize", received "up".',
        ),
        (
            "finalists = 0",
            "finalists = -5",
            "28 [confirm.finalists]: expected a whole number of at least 0, received -5. Did you mean 5?",
        ),
        (
            "finalists = 0",
            "repeats = 1",
            '28 [confirm.repeats]: expected "auto", or a whole number of at least 2, received 1.',
        ),
        (
            "finalists = 0",
            'repeats = "atuo"',
            '28 [confirm.repeats]: expected "auto", or a whole number of at least 2, received "atuo". '
            'Did you mean "auto"?',
        ),
        (
            "finalists = 0",
            'rule = "one_sd"',
            '28 [confirm.rule]: expected "best" or "one_se", received "one_sd". Did you mean "one_se"?',
        ),
        (
            "finalists = 0",
            "refit_seeds = 101",
            "28 [confirm.refit_seeds]: expected a whole number of at least 1 and of at most 100, received 101.",
        ),
        (
            "finalists = 0",
            "keep_predictions_mib = -1",
            "28 [confirm.keep_predictions_mib]: expected a number of at least 0, received -1. Did you mean 1?",
        ),
        (
            "[confirm]",
            "[cofirm]",
            "27 [cofirm]: expected one of the tables study, data, split, model, training, objective, space or "
            'confirm, received "cofirm". Did you mean "confirm"?',
        ),
    ],
)
def test_one_wrong_key_gives_one_located_sentence(problems_of, valid, old, new, sentence):
    assert old in valid
    assert problems_of(valid.replace(old, new)) == [f"s.toml:{sentence}"]


@pytest.mark.parametrize(
    ("table", "sentences"),
    [
        (
            'source = "csv"',
            [
                '6 [data.path]: expected the path of a file, since source = "csv", received nothing.',
                '6 [data.target]: expected a column, or a list of columns, since source = "csv", received nothing.',
            ],
        ),
        (
            'source = "csv"\npath = ""\ntarget = []',
            [
                '8 [data.path]: expected the path of a file, received "".',
                "9 [data.target]: expected a column, a list of columns, or a table with the column of each output, "
                "received [].",
            ],
        ),
        (
            'source = "csv"\npath = "a"\ntarget = ["a", "a"]\noptions = {a = 1}',
            [
                '9 [data.target]: expected each column once, received ["a", "a"].',
                '10 [data.options]: expected no options, since source = "csv", received {a = 1}. '
                "Only the functions of scikit-learn and of a file take options.",
            ],
        ),
        (
            'source = "npz"\ntarget = "a"',
            [
                '6 [data.path]: expected the path of a file, since source = "npz", received nothing.',
                '8 [data.target]: expected no target, since source = "npz", received "a".',
            ],
        ),
        (
            'source = "keras.mnist"\noptions = {a = 1}\nstandardize = "true"\ntask = "clustering"',
            [
                '8 [data.options]: expected no options, since source = "keras.mnist", received {a = 1}. '
                "Only the functions of scikit-learn and of a file take options.",
                '9 [data.standardize]: expected true or false, received "true". Did you mean true?',
                '10 [data.task]: expected "classification" or "regression", received "clustering".',
            ],
        ),
        ('source = "csv"\npath = "../a.csv"\ntarget = ["a", "b"]', []),
        ('source = "npz"\npath = "a.npz"', []),
        ('source = "rows.py:load"\noptions = {n = 3}', []),
        ('source = "npz"\npath = "a.npz"\nshape = [8, 8]', []),
        (
            'source = "npz"\npath = "a.npz"\nshape = []',
            ["9 [data.shape]: expected a non-empty list of whole numbers of at least 1, received []."],
        ),
        (
            'source = "npz"\npath = "a.npz"\nshape = 64',
            ["9 [data.shape]: expected a non-empty list of whole numbers of at least 1, received 64."],
        ),
    ],
)
def test_each_source_takes_its_own_keys(problems_of, valid, table, sentences):
    start, end = valid.index("source ="), valid.index("[split]")
    text = f"{valid[:start]}{table}\n{valid[end:]}"
    assert problems_of(text) == [f"s.toml:{sentence}" for sentence in sentences]


@pytest.mark.parametrize("form", ['builder = "a.py:f"', 'keras = "nets/a.keras"'])
@pytest.mark.parametrize("weights", ["", 'weights = "saved"', 'weights = "fresh"'])
def test_model_of_the_user_takes_nothing_but_weights(problems_of, valid, form, weights):
    assert problems_of(valid.replace('family = "mlp"\nhidden = [500]\nactivation = "relu"', f"{form}\n{weights}")) == []


def test_keys_that_a_family_does_not_take_are_refused(problems_of, valid):
    assert problems_of(valid.replace('"mlp"', '"linear"')) == [
        's.toml:14 [model.hidden]: expected no hidden, since family = "linear" does not take it, received [500].',
        's.toml:15 [model.activation]: expected no activation, since family = "linear" does not take it, '
        'received "relu".',
    ]


def test_every_problem_is_told_in_the_order_of_the_file(problems_of, valid):
    text = valid.replace("seed = 1", "seed = -1").replace("0.6", "1.6").replace("test = 0.3", "tset = 0.3")
    text = text.replace("hidden = [500]", "").replace('sampler = "tpe"', 'sampler = "?"')
    assert [sentence.split(":")[1].partition(" ")[0] for sentence in problems_of(text)] == ["5", "10", "12", "23"]


def test_sampler_whose_package_is_missing_is_refused_with_the_remedy(valid, problems_of):
    assert problems_of(valid.replace("n_trials = 60", 'n_trials = 60\nsampler = "cmaes"')) == [
        's.toml:5 [study.sampler]: expected the package cmaes for the sampler "cmaes", received an installation '
        'without it. Install it with `pip install "regsearch[cmaes]"`, or choose sampler = "tpe".'
    ]


def test_wrong_sampler_hides_no_other_problem_and_invents_none(problems_of, valid):
    text = valid.replace("n_trials = 60", 'sampler = "gird"')
    assert problems_of(text) == [
        's.toml:4 [study.sampler]: expected "tpe", "random", "grid", "ablation", "qmc", "gp" or "cmaes", '
        'received "gird". Did you mean "grid"?'
    ]


def test_long_values_are_shortened(problems_of, valid):
    (sentence,) = problems_of(valid.replace('"log_loss"', f'"{"x" * 10_000}"'))
    assert len(sentence) < 250


def test_reading_a_study_needs_no_heavy_library():
    code = (
        "import sys, search.spec; heavy = {'keras', 'tensorflow', 'optuna', 'sklearn', 'pandas', 'numpy', 'tomlkit'};"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or None)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ('optimizer = { name = "sgd", momentum = 0.9, nesterov = true }', []),
        ('loss = "task"\nschedule = { name = "cosine_decay", decay_steps = 100 }', []),
        ('loss = { name = "huber", delta = 0.5 }', []),
        ('loss = "../losses.py:focal"', []),
        (
            'loss = "losses.py"',
            ['17 [training.loss]: expected "FILE.py:function" for a loss of your own, received "losses.py".'],
        ),
        (
            'optimizer = { name = "sdg" }',
            ['17 [training.optimizer]: expected "adam" or "sgd", received "sdg". Did you mean "sgd"?'],
        ),
        (
            'optimizer = { name = "sgd", momentun = 0.9 }',
            [
                "17 [training.optimizer.momentun]: expected one of the arguments of sgd, momentum or nesterov, "
                'received "momentun". Did you mean "momentum"?'
            ],
        ),
        (
            'optimizer = { name = "sgd", nesterov = 1, momentum = "high" }',
            [
                "17 [training.optimizer.nesterov]: expected true or false, received 1.",
                '17 [training.optimizer.momentum]: expected a number, received "high".',
            ],
        ),
        (
            'optimizer = { name = "sgd", use_ema = true }',
            ["17 [training.optimizer.use_ema]: expected no use_ema, received true. Search swa instead."],
        ),
        (
            "optimizer = { momentum = 0.9 }",
            [
                "17 [training.optimizer]: expected a name, or a table with a name and arguments, received "
                "{momentum = 0.9}."
            ],
        ),
        (
            'schedule = { name = "cosine_decay" }',
            ['17 [training.schedule.decay_steps]: expected a number, since name = "cosine_decay", received nothing.'],
        ),
        ('loss = { name = "hinge", delta = 1.0 }', ['17 [training.loss.delta]: expected none, received "delta".']),
        (
            'loss = "hubert"',
            ['17 [training.loss]: expected "hinge" or "huber", received "hubert". Did you mean "huber"?'],
        ),
    ],
)
def test_optimizer_schedule_and_loss_are_named_with_their_arguments(problems_of, valid, line, sentences):
    text = valid.replace('optimizer = "adam"', line)
    assert [sentence.removeprefix("s.toml:") for sentence in problems_of(text)] == sentences


def test_arguments_of_an_optimizer_are_not_searched(problems_of, valid):
    text = valid + '"training.optimizer" = { choices = ["adam", { name = "sgd" }] }\n'
    (sentence,) = problems_of(text.replace("[confirm]\nfinalists = 0\n", ""))
    assert 'expected each choice to be "adam" or "sgd", received' in sentence


def test_what_an_exported_study_tells_of_its_result_is_not_read(problems_of, valid):
    result = '\n[result]\nstudy = "moons"\nanything = { a = [1, nan], b = 1979-05-27 }\n'
    assert problems_of(valid + result) == []
    tables = "one of the tables study, data, split, model, training, objective, space or confirm"
    received = f'expected {tables}, received "result". Did you mean "test" of [split]?'
    assert problems_of(valid + result, "result.study=1") == [f"--set result.study=1: {received}"]
    assert problems_of("result = 3\n" + valid) == [f"s.toml:1 [result]: {received}"]


def test_file_that_takes_minutes_to_read_is_refused_at_once(tmp_path, catalogue):
    with pytest.raises(StudyFileError) as caught:
        parse_study("[study]\n" + "a." * 50_000 + "b = 1", "s.toml", catalogue)
    assert str(caught.value) == "s.toml:2: expected keys of at most 64 parts, received a longer one."
    (tmp_path / "s.toml").write_bytes(b"#" * (4 * 2**20 + 1))
    with pytest.raises(StudyFileError) as caught:
        read_study(tmp_path / "s.toml", catalogue)
    assert str(caught.value) == (
        f"{tmp_path / 's.toml'}: expected a study file of at most 4 MiB, received one of 4,194,305 bytes. "
        "Data has files of its own, which [data] names."
    )
