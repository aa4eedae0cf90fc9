from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import StudyFileError
from search.preparation.catalogue import default_catalogue
from search.spec import (
    Arguments,
    Catalogue,
    ConfirmSection,
    Domain,
    describe_keys,
    parse_study,
    spec_from_json,
    spec_to_json,
    spec_to_toml,
)

OPEN = Catalogue(
    techniques={
        "l2": Domain(kind="float", meaning="", source=""),
        "dropout": Domain(kind="float", high=1, meaning="", source=""),
        "flip": Domain(kind="choice", names=("horizontal", "both"), meaning="", source=""),
    },
    layered=frozenset({"l2", "dropout"}),
    families={"mlp": frozenset({"hidden", "activation"})},
    optimizers={"adam": Arguments(), "sgd": Arguments()},
    activations=frozenset({"relu"}),
    sources=default_catalogue().sources,
    metrics=("log_loss",),
    splitters=default_catalogue().splitters,
)
_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_number = st.floats(1e-200, 1e12) | st.integers(1, 2**62)
_value = st.recursive(
    _number | _text | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)
_validation = st.one_of(
    st.fixed_dictionaries({"method": st.just("holdout"), "fraction": st.floats(0.01, 0.99)}),
    st.fixed_dictionaries({"method": st.just("kfold"), "folds": st.integers(2, 99)}),
    st.fixed_dictionaries({"method": st.just("head"), "train": st.integers(1, 99)}),
)
_choices = st.fixed_dictionaries({"choices": st.lists(st.just("off") | _number, max_size=4, unique=True)}).filter(
    lambda entry: any(value != "off" for value in entry["choices"])
)
_texts = st.sampled_from([["both"], ["off", "horizontal"], ["both", "horizontal"]]).map(lambda t: {"choices": t})
_range = st.builds(
    lambda ends, log: {"low": min(ends), "high": max(ends), "log": log},
    st.tuples(_number, _number).filter(lambda ends: float(ends[0]) != float(ends[1])),
    st.booleans(),
)
_studies = st.fixed_dictionaries(
    {
        "study": st.fixed_dictionaries(
            {"name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True), "n_trials": st.integers(1, 99)},
        ),
        "data": st.fixed_dictionaries(
            {"source": st.just("sklearn.make_moons")},
            optional={
                "options": st.dictionaries(_text, _value, max_size=3),
                "standardize": st.booleans(),
                "shape": st.lists(st.integers(1, 9), min_size=1, max_size=3),
            },
        ),
        "split": st.fixed_dictionaries(
            {"test": st.floats(0.01, 0.99) | st.integers(0, 99), "validation": _validation},
            optional={"stop": st.floats(0.01, 0.99) | st.just("validation")},
        ),
        "model": st.fixed_dictionaries({"family": st.just("mlp"), "hidden": st.lists(st.integers(1, 99), max_size=3)}),
        "training": st.fixed_dictionaries({"learning_rate": _number, "optimizer": st.sampled_from(["adam", "sgd"])}),
        "space": st.builds(
            lambda numbers, texts: numbers | texts,
            st.dictionaries(
                st.just("l2") | _text.map(lambda pattern: f"layer{pattern}.l2"),
                _choices | _range,
                min_size=1,
                max_size=4,
            ),
            st.dictionaries(st.just("flip"), _texts, max_size=1),
        ),
    }
)


def _parse(document):
    from search.spec.wording import as_toml

    text = "\n".join(f"{name} = {as_toml(table).as_string()}" for name, table in document.items())
    return parse_study(text, "s.toml", OPEN)


@settings(max_examples=200, deadline=None)
@given(_studies)
def test_written_study_reads_back_equal(document):
    spec = _parse(document)
    assert parse_study(spec_to_toml(spec, describe_keys()), "s.toml", OPEN) == spec


@settings(max_examples=200, deadline=None)
@given(_studies)
def test_json_of_a_study_reads_back_equal(document):
    spec = _parse(document)
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec), allow_nan=False))) == spec


def test_resolved_study_is_written_with_defaults_and_comments(catalogue):
    text = (
        '[study]\nname = "a"\nn_trials = 3\n[data]\nsource = "csv"\npath = "a.csv"\ntarget = ["x", "y"]\n'
        '[model]\nfamily = "mlp"\nhidden = []\n[space]\nl2 = {low = 1e-6, high = 1, log = true}\n'
        '"dense_1.l2" = {choices = ["off", 0.5]}\n'
    )
    spec = parse_study(text, "s.toml", catalogue)
    comments = {"study": "What helps?\nSource: a book", "study.seed": "any\nnumber"}
    assert spec_to_toml(spec, comments) == (
        "# What helps?\n# Source: a book\n\n"
        '[study]\nname = "a"\nn_trials = 3\nseed = 1 # any number\nsampler = "tpe"\npruner = "none"\n\n'
        '[data]\nsource = "csv"\npath = "a.csv"\ntarget = ["x", "y"]\ntimeout_seconds = 600.0\n\n'
        '[split]\ntest = 0\nvalidation = {method = "holdout", fraction = 0.25}\nstop = 0.2\n\n'
        '[model]\nfamily = "mlp"\nhidden = []\n\n'
        '[training]\noptimizer = "adam"\nlearning_rate = 0.001\nclass_weight = "none"\nepochs = 100\nbatch_size = 32\n'
        'engine = "auto"\nprecision = "float32"\n\n'
        "[objective]\nseeds = 1\n\n"
        '[space]\nl2 = {low = 1e-6, high = 1.0, log = true}\n"dense_1.l2" = {choices = ["off", 0.5]}\n\n'
        '[confirm]\nfinalists = 5\nrepeats = "auto"\nrule = "best"\nrefit_seeds = 1\nkeep_predictions_mib = 256.0\n'
    )


@pytest.mark.parametrize(("sampler", "told"), [("tpe", 10), ("gp", 10), ("random", None), ("cmaes", None)])
def test_study_stored_before_there_were_startup_trials_has_those_of_then(catalogue, valid, sampler, told):
    stored = spec_to_json(parse_study(valid, "s.toml", catalogue))
    stored["study"] |= {"sampler": sampler, "window": 5}
    del stored["study"]["n_startup_trials"]
    read = spec_from_json(stored).study
    assert (read.window, read.n_startup_trials) == (5, told)


def test_configured_study_is_written_and_read_back(catalogue, valid):
    spec = parse_study(valid, "s.toml", catalogue).configured(
        {"training.learning_rate": 5e-3, "model.hidden": (8, 8), "l2": 1e-3}
    )
    again = parse_study(spec_to_toml(spec), "s.toml", catalogue)
    assert (again, again.model.hidden, again.training.learning_rate) == (spec, (8, 8), 5e-3)


def test_every_key_has_a_description():
    assert all(describe_keys().values())
    assert "training.epochs" in describe_keys()


def test_stored_values_that_are_no_study_are_refused(catalogue, valid):
    data = spec_to_json(parse_study(valid, "s.toml", catalogue))
    data["study"]["sampler"] = "annealing"
    data["split"]["validation"] = {"folds": 5}
    del data["data"]
    with pytest.raises(StudyFileError) as caught:
        spec_from_json(data)
    assert [str(problem) for problem in caught.value.problems] == [
        'the stored study [study.sampler]: expected "tpe", "random", "grid", "ablation", "qmc", "gp" or "cmaes", '
        'received "annealing".',
        "the stored study [data]: expected the table [data], received none. Add [data].",
        "the stored study [split.validation.method]: expected a method, received no method.",
    ]


def test_study_that_was_stored_before_there_was_a_key_is_what_it_was_then():
    document = _stored(task="regression")
    del document["data"]["scale_target"], document["training"]["loss"]
    read = spec_from_json(document)
    assert (read.data.scale_target, read.training.loss) == (False, "task")
    classes = _stored(task="classification")
    del classes["data"]["scale_target"]
    assert spec_from_json(classes).data.scale_target is None


def test_what_an_earlier_version_stored_of_confirmation_is_read(catalogue, valid):
    document = spec_to_json(parse_study(valid, "s.toml", catalogue))
    document["confirm"] = {"finalists": 0, "repeats": 20}
    assert spec_from_json(document).confirm == ConfirmSection(finalists=0, repeats=20)
    del document["confirm"]
    assert spec_from_json(document).confirm == ConfirmSection(finalists=5, repeats="auto")


def _stored(task):
    study = {
        "study": {"name": "s", "n_trials": 1},
        "data": {"source": "sklearn.make_moons", "task": task},
        "model": {"family": "mlp", "hidden": [3]},
        "space": {"l2": {"choices": [0.1]}},
    }
    return spec_to_json(_parse(study))
