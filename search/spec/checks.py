"""What must hold between the keys of a study file, and between them and the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.spec.catalogue import Arguments, Catalogue, SourceForm
from search.spec.entries import is_number
from search.spec.findings import Findings
from search.spec.sections import (
    TASK_LOSS,
    WALKS,
    Called,
    DataSection,
    ModelSection,
    ObjectiveSection,
    SplitSection,
    StudySection,
    TrainingSection,
    is_function,
)
from search.spec.space import check_space, check_together
from search.spec.wording import alternatives, did_you_mean, expected, quoted, show

MODEL_FORMS = ("family", "builder", "keras")
_BESIDE_OWN_MODEL = frozenset({"weights", "own", "custom"})
_BESIDE_ANY = frozenset({"layers"})


def check_study(tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> None:
    """Note everything that is wrong with a study beyond its single keys.

    Args:
        tables: What `read_tables` made of them.
        catalogue: What a study may name.
        findings: Where problems are noted.
    """
    _check_sampler(tables, catalogue.missing, findings)
    if isinstance(data := tables.get("data"), DataSection) and not findings.touches(("data", "source")):
        _check_data(data, catalogue.sources, findings)
        if isinstance(split := tables.get("split"), SplitSection):
            _check_split(split, data, catalogue.sources, findings)
    if isinstance(model := tables.get("model"), ModelSection):
        _check_model(model, catalogue, findings)
    if isinstance(training := tables.get("training"), TrainingSection):
        _check_called(("training", "optimizer"), training.optimizer, catalogue.optimizers, findings)
        _check_called(("training", "schedule"), training.schedule, catalogue.schedules, findings)
        _check_loss(training, catalogue, findings)
        _check_callbacks(training, findings)
    if isinstance(objective := tables.get("objective"), ObjectiveSection):
        _check_objective(objective, catalogue, findings)
    if "space" in tables:
        check_space(tables, catalogue, findings)
        check_together(tables, findings)


def _check_loss(training: TrainingSection, catalogue: Catalogue, findings: Findings) -> None:
    path, named = ("training", "loss"), training.loss
    if named == TASK_LOSS or training.has_own_loss:
        return
    if isinstance(named, str) and ".py" in named:
        findings.add(path, f'expected "FILE.py:function" for a loss of your own, received {show(named)}')
    else:
        _check_called(path, named, catalogue.losses, findings)


def _check_callbacks(training: TrainingSection, findings: Findings) -> None:
    path = ("training", "callbacks")
    for named in training.callbacks or ():
        if not is_function(named):
            findings.add(path, f'expected "FILE.py:function" for each callback, received {show(named)}')
    if training.callbacks and training.engine not in ("auto", "fit"):
        message = f'expected engine = "fit" beside callbacks, received {show(training.engine)}'
        findings.add(("training", "engine"), message, "A program calls nobody after each epoch.")


def _check_name(path: tuple[str, str], name: str | None, known: Sequence[str], findings: Findings) -> None:
    if name is not None and name not in known:
        message = f"expected {quoted(known)}, received {show(name)}"
        findings.add(path, message, did_you_mean(name, known))


def _check_objective(objective: ObjectiveSection, catalogue: Catalogue, findings: Findings) -> None:
    if isinstance(objective.metric, Called):
        known = {name: catalogue.metric_arguments.get(name, Arguments()) for name in catalogue.metrics}
        _check_called(("objective", "metric"), objective.metric, known, findings)
    elif objective.metric is None or not is_function(objective.metric):
        _check_name(("objective", "metric"), objective.metric, (*catalogue.metrics, "FILE.py:function"), findings)
    elif objective.direction is None and not findings.touches(("objective", "direction")):
        wanted = expected(ObjectiveSection.model_fields["direction"])
        message = f"expected {wanted}, since metric = {show(objective.metric)}, received nothing"
        findings.add(("objective", "direction"), message)


def _check_called(
    path: tuple[str, str], called: str | Called | None, known: Mapping[str, Arguments], findings: Findings
) -> None:
    """Check the name of a class of Keras, and its arguments."""
    name = called.name if isinstance(called, Called) else called
    if name is None or findings.touches(path):
        return
    if name not in known:
        _check_name(path, name, sorted(known), findings)
        return
    taken = known[name]
    given = called.arguments if isinstance(called, Called) else {}
    for argument, value in given.items():
        if argument in taken.refused:
            message = f"expected no {argument}, received {show(value)}"
            findings.add((*path, argument), message, taken.refused[argument])
        elif argument not in taken.defaults:
            wanted = f"one of the arguments of {name}, {alternatives(taken.defaults)}" if taken.defaults else "none"
            message = f"expected {wanted}, received {show(argument)}"
            findings.add((*path, argument), message, did_you_mean(argument, taken.defaults))
        elif not _is_like(value, taken.defaults[argument]):
            wanted = "true or false" if isinstance(taken.defaults[argument], bool) else "a number"
            findings.add((*path, argument), f"expected {wanted}, received {show(value)}")
    for argument in taken.required:
        if argument not in given:
            findings.add((*path, argument), f"expected a number, since name = {show(name)}, received nothing")


def _is_like(value: Any, default: Any) -> bool:
    """Whether an argument may hold a value, as far as its default tells."""
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(value, tuple):
        return default is None and all(is_number(entry) for entry in value)
    return is_number(value)


def _check_sampler(tables: Mapping[str, Any], missing: Mapping[str, str], findings: Findings) -> None:
    study = tables.get("study")
    if not isinstance(study, StudySection) or findings.has(("study", "sampler")):
        return
    if study.sampler not in WALKS and study.n_trials is None:
        wanted = expected(StudySection.model_fields["n_trials"])
        remedy = f"Only sampler = {quoted(WALKS)} ends by itself."
        findings.add(("study", "n_trials"), f"expected {wanted}, received nothing", remedy)
    if package := missing.get(study.sampler):
        sampler = show(study.sampler)
        message = f"expected the package {package} for the sampler {sampler}, received an installation without it"
        remedy = f'Install it with `pip install "regsearch[{study.sampler}]"`, or choose sampler = "tpe".'
        findings.add(("study", "sampler"), message, remedy)


def _check_data(data: DataSection, sources: Sequence[SourceForm], findings: Findings) -> None:
    known = next((source for source in sources if source.matches(data.source)), None)
    if known is None:
        message = f"expected {quoted(source.form for source in sources)}, received {show(data.source)}"
        findings.add(("data", "source"), message, hint_at_source(data.source, sources))
        return
    source = f"source = {show(data.source)}"
    for key in ("path", "target"):
        value = getattr(data, key)
        if key in known.needs and value is None and not findings.touches(("data", key)):
            wanted = "the path of a file" if key == "path" else "a column, or a list of columns"
            findings.add(("data", key), f"expected {wanted}, since {source}, received nothing")
    for key in (
        "path",
        "target",
        "columns",
        "drop",
        "dates",
        "weight",
        "separator",
        "decimal",
        "na_values",
        "encoding",
    ):
        value = getattr(data, key)
        if key not in known.keys and value is not None and not findings.touches(("data", key)):
            findings.add(("data", key), f"expected no {key}, since {source}, received {show(value)}")
    if data.path == "":
        findings.add(("data", "path"), 'expected the path of a file, received ""')
    if data.options and not known.options_of:
        message = f"expected no options, since {source}, received {show(data.options)}"
        functions = " and of ".join(each.options_of for each in sources if each.options_of)
        findings.add(("data", "options"), message, f"Only the functions of {functions} take options.")
    if isinstance(data.target, tuple) and len(set(data.target)) < len(data.target):
        findings.add(("data", "target"), f"expected each column once, received {show(data.target)}")


def _check_split(split: SplitSection, data: DataSection, sources: Sequence[SourceForm], findings: Findings) -> None:
    """Refuse columns where there are none, and divisions that say the same twice."""
    known = next((source for source in sources if source.matches(data.source)), None)
    named = [key for key in ("groups", "order", "column") if getattr(split, key) is not None]
    for key in named:
        if known is not None and "weight" not in known.keys:
            wanted = f"no {key}, since source = {show(data.source)} has no columns of that kind"
            findings.add(("split", key), f"expected {wanted}, received {show(getattr(split, key))}")
    if split.column is None:
        return
    for key in ("test", "validation", "groups", "order"):
        # A study that was written out holds the defaults, too.
        value, default = getattr(split, key), SplitSection.model_fields[key].get_default(call_default_factory=True)
        if value != default:
            message = f"expected no {key} beside column, which divides all rows, received {show(getattr(split, key))}"
            findings.add(("split", key), message, "Leave out one of the two.")


def hint_at_source(text: str, sources: Sequence[SourceForm]) -> str:
    """What may have been meant by a `data.source` that is none of these, as a sentence; empty when nothing is near."""
    if hint := next(filter(None, (source.hint(text) for source in sources)), ""):
        return hint
    words = [source.word for source in sources if source.word]
    package, dot, name = text.partition(".")
    nearest = "" if package in words else did_you_mean(package, words)
    return nearest.replace('"?', f'.{name}"?') if dot and name.isidentifier() else nearest


def _check_model(model: ModelSection, catalogue: Catalogue, findings: Findings) -> None:
    given = [form for form in MODEL_FORMS if getattr(model, form) is not None]
    if not given and not any(findings.touches(("model", form)) for form in MODEL_FORMS):
        message = f"expected one of the keys {alternatives(MODEL_FORMS)}, received none of them"
        findings.add(("model",), message, f"Name a family: {quoted(sorted(catalogue.families))}.", key="family")
    for form in given[1:]:
        message = f"expected only one of the keys {alternatives(MODEL_FORMS)}, received {' and '.join(given)}"
        findings.add(("model", form), message, "Leave out all but one of them.")
    _check_name(("model", "activation"), model.activation, sorted(catalogue.activations), findings)
    if model.builder is not None and not is_function(model.builder):
        findings.add(("model", "builder"), f'expected "FILE.py:function", received {show(model.builder)}')
    if model.keras is not None and not model.keras.endswith(".keras"):
        findings.add(("model", "keras"), f'expected a file that ends in ".keras", received {show(model.keras)}')
    if model.custom is not None and not model.custom.endswith(".py"):
        findings.add(("model", "custom"), f'expected a file that ends in ".py", received {show(model.custom)}')
    if model.family is not None and not findings.has(("model", "family")):
        _check_name(("model", "family"), model.family, sorted(catalogue.families), findings)
    if len(given) == 1 and not findings.touches(("model", given[0])):
        _check_model_keys(model, given[0], catalogue, findings)


def _check_model_keys(model: ModelSection, form: str, catalogue: Catalogue, findings: Findings) -> None:
    """Refuse keys that this model does not take, and miss those that it needs."""
    taken = _BESIDE_OWN_MODEL if model.family is None else catalogue.families[model.family]
    taken |= _BESIDE_ANY | ({"options"} if form == "builder" else set())
    named = f"{form} = {show(getattr(model, form))}"
    for key in ModelSection.model_fields:
        value = getattr(model, key)
        if key not in MODEL_FORMS and key not in taken and value is not None:
            wanted = f"no {key}, since {named} does not take it"
            findings.add(("model", key), f"expected {wanted}, received {show(value)}")
    for key in sorted(catalogue.required_keys.get(model.family or "", ())):
        if getattr(model, key) is None:
            wanted = expected(ModelSection.model_fields[key])
            remedy = "hidden = [] is a model without hidden layers." if key == "hidden" else ""
            findings.add(("model", key), f"expected {wanted}, received nothing", remedy)
