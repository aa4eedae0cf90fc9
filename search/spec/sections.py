"""The study file as frozen, typed values: one class per table of the file.

These classes say what a study may contain; `search.spec.reader` turns a file into them and words the errors.
Every field's description is shown to users (`regsearch check`, the README's table), so it says what the key
means and its unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from search.spec.study_names import STUDY_NAME, STUDY_NAME_EXPECTED

Sampler = Literal["tpe", "random", "grid", "ablation", "qmc", "gp", "cmaes"]
Pruner = Literal["auto", "none", "median", "hyperband", "wilcoxon", "racing"]
EngineName = Literal["auto", "compiled", "graph", "lanes", "fit"]
Precision = Literal["float32", "mixed_bfloat16"]
TaskName = Literal["classification", "regression"]


def is_function(text: str) -> bool:
    """Whether a text has the form `FILE.py:function`."""
    file, _, function = text.rpartition(":")
    return file.endswith(".py") and len(file) > len(".py") and function.isidentifier()


Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]

WALKS: tuple[Sampler, ...] = ("grid", "ablation")
"""Samplers that walk a list of points, made from [space], and end with it; the others propose without end."""

MODELLING: tuple[Sampler, ...] = ("tpe", "gp")
"""Samplers that propose at random until they have been told enough trials to model them."""

LEARNING: tuple[Sampler, ...] = (*MODELLING, "cmaes")
"""Samplers whose proposals depend on what they have been told; the others propose the same whatever comes of it."""

WIDEST_WINDOW = 8
"""The default of `window` where nothing is learned from outcomes, or where the budget is large."""

MOST_STARTUP_TRIALS = 10
"""The default of `n_startup_trials` where the budget is large; Optuna's own."""


TASK_LOSS = "task"
"""The loss that fits the task, whatever a model was compiled with."""


class Section(BaseModel):
    """A table of the study file: frozen, and no key beyond those named."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class StudySection(Section):
    """[study]: the search itself."""

    name: str = Field(
        description="name of the study in the storage",
        pattern=STUDY_NAME,
        json_schema_extra={"expected": STUDY_NAME_EXPECTED},
    )
    n_trials: int | None = Field(
        default=None, ge=1, description="trials in all, the baseline among them; grid and ablation may leave it out"
    )
    seed: int = Field(default=1, ge=0, lt=2**31, description="seed of splits, initial weights and sampler")
    sampler: Sampler = Field(default="tpe", description="how configurations are proposed")
    together: tuple[tuple[str, ...], ...] | None = Field(
        default=None,
        description="ablation: names of [space] that are switched on as one",
        json_schema_extra={"expected": 'a list of lists of names, as in [["rotation", "shift"]]'},
    )
    pruner: Pruner = Field(
        default="none",
        description="how hopeless trials are cut short; auto: racing for studies of minutes and more, none for others",
    )
    window: int | None = Field(
        default=None,
        ge=1,
        description="trial n is asked once trial n - window has been told (reproducibility); default: a fifth of "
        "n_trials, 2 to 8; 8 where the sampler does not learn",
    )
    n_startup_trials: int | None = Field(
        default=None,
        ge=1,
        description="tpe, gp: trials that are told before the sampler models them, and until then proposes at random; "
        "default: a fifth of n_trials, 2 to 10",
    )

    def fitted(self) -> StudySection:
        """The same with `window` and `n_startup_trials` as they fit the budget, where they are not given.

        With a fifth each, three of five trials at least are proposed by the sampler's model. Two trials at once, so
        that two workers are busy.
        """
        fifth = (self.n_trials or 0) // 5
        fitting = max(2, min(fifth, WIDEST_WINDOW)) if self.sampler in LEARNING else WIDEST_WINDOW
        told = {"window": fitting if self.window is None else self.window}
        if self.sampler in MODELLING and self.n_startup_trials is None:
            told["n_startup_trials"] = max(2, min(fifth, MOST_STARTUP_TRIALS))
        return self.model_copy(update=told)


class DataSection(Section):
    """[data]: where the rows come from."""

    source: str = Field(description='sklearn.NAME, csv, parquet, npz, images, keras.NAME or "FILE.py:function"')
    options: dict[str, Any] = Field(default_factory=dict, description="arguments of the source's function")
    path: str | None = Field(
        default=None, description="csv, parquet, npz: the file, images: the folder, relative to the study file"
    )
    target: (
        str
        | Annotated[tuple[str, ...], Field(min_length=1)]
        | Annotated[dict[str, str | list[str]], Field(min_length=1)]
        | None
    ) = Field(
        default=None,
        description="csv, parquet: the column to predict, or several; of a model of several outputs a table with the "
        "column of each, by the output's name",
        json_schema_extra={"expected": "a column, a list of columns, or a table with the column of each output"},
    )
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="tables: the columns to learn from; default: all but the target"
    )
    drop: tuple[str, ...] | None = Field(default=None, description="tables: columns that are left out")
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None,
        description="csv: what stands between fields; default: the comma, or what the header line shows",
        json_schema_extra={"expected": 'a single character, as in ";"'},
    )
    decimal: Literal[".", ","] | None = Field(
        default=None, description="csv: the decimal mark; default: a comma in columns where every number fits that"
    )
    na_values: tuple[str, ...] | None = Field(
        default=None, description='csv: texts of missing cells, beside the empty cell, "NA", "NaN", "null" and the like'
    )
    encoding: str | None = Field(default=None, description="csv: how text is written; default: UTF-8")
    text: tuple[str, ...] | None = Field(
        default=None,
        description="csv: columns that are text though they look like numbers, such as postal codes: 01067",
    )
    dates: tuple[str, ...] | dict[str, str] | None = Field(
        default=None,
        description="tables: columns of dates, which become year, month, weekday and days since the first; a "
        'list, or each with its format, as in { start = "%d/%m/%Y" }',
        json_schema_extra={"expected": "a list of columns, or a table with the format of each"},
    )
    missing: Literal["indicate", "impute", "error"] | None = Field(
        default=None,
        description="tables: missing cells become the median or the most frequent category, beside an input that says "
        "so (indicate) or without one (impute); default: indicate, for a model of one's own impute",
    )
    min_frequency: int | None = Field(
        default=None, ge=2, description="tables: categories of fewer rows are one; default: each is one of its own"
    )
    target_encode: tuple[str, ...] | None = Field(
        default=None,
        description="tables: columns of text that become the mean target of rows of that text, out of fold",
    )
    weight: str | None = Field(
        default=None, description="csv, parquet, npz: the column (array) that says how much each row counts"
    )
    task: TaskName | None = Field(default=None, description="when it cannot be told from the target")
    shape: Annotated[tuple[Count, ...], Field(min_length=1)] | None = Field(
        default=None, description="shape of one row, for models that take images or sequences; the columns in order"
    )
    inputs: dict[str, Annotated[list[str], Field(min_length=1)]] | None = Field(
        default=None, description="tables: the columns of each input of a model of several, by the input's name"
    )
    standardize: bool | None = Field(
        default=None, description="scale numeric columns to mean 0, deviation 1; default: true for csv without shape"
    )
    scale_target: bool | None = Field(
        default=None,
        description="regression: train on targets of mean 0, deviation 1, and predict in their own unit; default: true",
    )
    memory_gib: float | None = Field(
        default=None,
        gt=0,
        description="npz, FILE.py:function: features that take more than so many GiB stay in a file, and runs train "
        "with Keras' own loop; default: an eighth of the machine's memory, at most 4",
    )
    timeout_seconds: float = Field(
        default=600.0, ge=1, description="FILE.py:function, keras.NAME, a model's builder: how long each may take"
    )

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """The columns to predict, by the name of the output that predicts them: nothing where there is but one."""
        named = self.target if isinstance(self.target, dict) else {"": self.target or ()}
        columns = {key: (names,) if isinstance(names, str) else tuple(names) for key, names in named.items()}
        return {key: tuple(dict.fromkeys(names)) for key, names in columns.items()}


class Validation(Section, extra="allow"):
    """How the rows that score are chosen: a method and its options, whatever they are.

    Which methods there are, and what they take, is known above this package: each splitter (`search.data.splitters`)
    has a subclass of its own, which the catalogue hands down to the reader of study files. A stored study is read back
    where no splitter is known: its method and options are taken as they were written, as this class itself. The two are
    equal when they say the same.
    """

    method: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Validation) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]  # options may be lists


class SplitSection(Section):
    """[split]: which rows train, stop, score and stay sealed."""

    test: Annotated[float, Field(gt=0, lt=1)] | Annotated[int, Field(ge=0)] = Field(
        default=0, description="sealed rows: a share, a count, or 0 for none"
    )
    validation: SerializeAsAny[Validation] = Field(
        default_factory=lambda: Validation.model_validate({"method": "holdout", "fraction": 0.25}),
        description="rows that score",
    )
    stop: Fraction | Literal["validation"] = Field(
        default=0.2, description='share of the training rows that early stopping watches, or "validation"'
    )
    groups: str | None = Field(
        default=None, description="csv, parquet, npz: the column (array) of groups, none of which stands on two sides"
    )
    order: str | None = Field(
        default=None,
        description="csv, parquet, npz: the column (array) that orders rows: what scores lies after what trains",
    )
    column: str | None = Field(
        default=None,
        description="csv, parquet, npz: a division of one's own: the column (array) with train, stop, validation and "
        "test, or with the number of the fold that each row scores in",
    )


class ModelSection(Section):
    """[model]: what is trained."""

    family: str | None = Field(default=None, description="mlp, cnn, lstm or multitask")
    builder: str | None = Field(default=None, description='"FILE.py:function" that returns a Keras model')
    keras: str | None = Field(default=None, description="a saved .keras file")
    weights: Literal["fresh", "saved"] | None = Field(
        default=None, description="keras, builder: weights that training begins with; default: fresh"
    )
    own: Literal["keep", "strip", "search"] | None = Field(
        default=None,
        description="keras, builder: what becomes of the model's own dropout, noise, penalties and constraints; search "
        "keeps them for the baseline, and lets each rate and penalty be lowered or switched off; default: keep",
    )
    custom: str | None = Field(
        default=None,
        description='keras, builder: "FILE.py" beside the study, which defines layers and losses that are not Keras\' '
        "own; it is run, and only with --trust",
    )
    options: dict[str, Any] | None = Field(
        default=None,
        description="builder: arguments of the function; each may be searched as model.options.NAME",
    )
    layers: dict[str, Any] | None = Field(
        default=None,
        description="arguments of layers that differ from the model as it is given, by LAYER_PATTERN.ARGUMENT; repeat "
        "is how many times a layer or block stands there",
    )
    hidden: tuple[Count, ...] | None = Field(default=None, description="units of each hidden dense layer")
    activation: str | None = Field(default=None, description="activation of the hidden layers")
    filters: tuple[Count, ...] | None = Field(default=None, description="cnn: filters of each convolution")
    kernel_size: int | None = Field(default=None, ge=1, description="cnn: edge of the convolutions' windows")
    units: tuple[Count, ...] | None = Field(default=None, description="lstm: units of each recurrent layer")


def _with_tuples(value: Any) -> Any:
    """A table with its lists as tuples; anything else as it is."""
    if not isinstance(value, Mapping):
        return value
    return {key: tuple(entry) if isinstance(entry, list) else entry for key, entry in value.items()}


class Called(Section, extra="allow"):
    """A class of Keras by its name, with arguments: `{ name = "sgd", momentum = 0.9 }`.

    Which names there are, and what each takes, is known above this package; the catalogue hands it down.
    """

    name: str

    @model_validator(mode="before")
    @classmethod
    def _freeze_lists(cls, value: Any) -> Any:
        """Lists as tuples, so that the arguments cannot change."""
        return _with_tuples(value)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, by name."""
        return dict(self.model_extra or {})


class Unfreeze(Section):
    """A second phase of training, in which frozen layers train too."""

    layers: Annotated[tuple[str, ...], Field(min_length=1)]
    learning_rate: float = Field(default=1e-5, gt=0)
    epochs: int = Field(default=10, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _freeze_lists(cls, value: Any) -> Any:
        return _with_tuples(value)


class TrainingSection(Section):
    """[training]: how it is trained."""

    optimizer: str | Called = Field(
        default="adam",
        description="a Keras optimizer: its name, or { name, arguments }; default: the compiled model's, else adam",
        json_schema_extra={"expected": "a name, or a table with a name and arguments"},
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="the optimizer's learning rate")
    schedule: Called | None = Field(
        default=None,
        description="a Keras schedule of the learning rate, step by step, which begins at learning_rate",
        json_schema_extra={"expected": "a table with a name and arguments"},
    )
    loss: str | Called | None = Field(
        default=None,
        description='a Keras loss: its name, or { name, arguments }; or "FILE.py:function", your own; "task" is what '
        "fits the task; default: the compiled model's, else that",
        json_schema_extra={"expected": "a name, or a table with a name and arguments"},
    )
    class_weight: Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = Field(
        default="none",
        description='how much rows of a class count in training: "balanced", so that all classes count alike, or a '
        "number for each class that does not count 1",
        json_schema_extra={"expected": '"none", "balanced", or a table with a number above 0 for each class'},
    )
    loss_weights: dict[str, Annotated[float, Field(ge=0)]] | None = Field(
        default=None,
        description="of a model of several outputs: what the loss of each is multiplied with, by the output's name; "
        "default: as the model was compiled, else 1",
        json_schema_extra={"expected": "a table with a number of at least 0 for each output"},
    )
    callbacks: tuple[str, ...] | None = Field(
        default=None,
        description='functions of yours, "FILE.py:function", each of which returns a Keras callback or several for a '
        "run; runs then train with Keras' own loop, the engine fit",
        json_schema_extra={"expected": 'a list of "FILE.py:function"'},
    )
    unfreeze: Unfreeze | None = Field(
        default=None,
        description="a second phase, from where the first one ended: patterns of frozen layers that train then, the "
        "learning_rate (1e-5) and the epochs (10) of it",
        json_schema_extra={"expected": 'a table, as in { layers = ["block5*"], learning_rate = 1e-5, epochs = 10 }'},
    )
    epochs: int = Field(default=100, ge=1, description="epochs, at most")
    batch_size: int = Field(default=32, ge=1, description="rows a step")
    engine: EngineName = Field(default="auto", description="how a run is executed")
    run_timeout_seconds: float | None = Field(
        default=None,
        gt=0,
        description="how long a run may take before its worker is replaced and it is run again; the third time it "
        "fails; default: 20 times what the longest has taken, 300 s at least",
    )
    precision: Precision = Field(default="float32", description="of the layers' arithmetic; weights stay float32")

    @property
    def all_epochs(self) -> int:
        """Epochs of a run, at most, those of a second phase among them."""
        return self.epochs + (0 if self.unfreeze is None else self.unfreeze.epochs)

    @property
    def optimizer_name(self) -> str:
        """The optimizer's name."""
        return self.optimizer if isinstance(self.optimizer, str) else self.optimizer.name

    @property
    def has_own_loss(self) -> bool:
        """Whether the loss is a function of the user's: `FILE.py:function`."""
        return isinstance(self.loss, str) and is_function(self.loss)

    @property
    def optimizer_arguments(self) -> dict[str, Any]:
        """The optimizer's arguments besides the learning rate, as far as they are given."""
        return {} if isinstance(self.optimizer, str) else self.optimizer.arguments


class ObjectiveSection(Section):
    """[objective]: what a trial is judged by."""

    metric: str | Called | None = Field(
        default=None,
        description='penalty-free, on validation rows: its name, { name, arguments } or "FILE.py:function"; default: '
        "log_loss, for regression mse",
        json_schema_extra={"expected": "a name, or a table with a name and arguments"},
    )
    direction: Literal["minimize", "maximize"] | None = Field(
        default=None, description="whether a low or a high score is good: only of a metric of your own, which needs it"
    )
    output: str | None = Field(
        default=None,
        description="of a model of several outputs the one that is scored, and that the study is about; default: the "
        "first one of the data",
    )
    outputs: dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        description="of a model of several outputs: the score is the sum of what these score (log_loss, or mse), each "
        "times its number",
        json_schema_extra={"expected": "a table with a number above 0 for each output"},
    )
    seeds: int = Field(default=1, ge=1, le=1000, description="runs per fold; a trial's score is the mean of its runs")

    @property
    def main_output(self) -> str | None:
        """The output that a study names as the one that it is about."""
        return self.output or (next(iter(self.outputs)) if self.outputs else None)

    @property
    def metric_name(self) -> str | None:
        """The metric's name."""
        return self.metric.name if isinstance(self.metric, Called) else self.metric


class Range(Section):
    """All numbers from low to high, both included."""

    low: float | int
    high: float | int
    log: bool = False
    step: float | int | None = None


class Choices(Section):
    """One of a list; for a technique, "off" is added when it is not in the list."""

    choices: tuple[Any, ...] = Field(min_length=1)


class ConfirmSection(Section):
    """[confirm]: re-scoring the finalists on fresh seeds and divisions, and what follows from it."""

    finalists: int = Field(
        default=5, ge=0, description="how many are trained anew after the search; 0 skips confirmation"
    )
    repeats: Literal["auto"] | Annotated[int, Field(ge=2)] = Field(
        default="auto", description="fresh divisions each; auto: at most half of what the search spent, 5 to 50"
    )
    rule: Literal["best", "one_se"] = Field(
        default="best",
        description="which finalist is chosen: the best, or the simplest within one standard error of it (one_se)",
    )
    refit_seeds: int = Field(
        default=1, ge=1, le=100, description="seeds that the chosen configuration is refitted with"
    )
    keep_predictions_mib: float = Field(
        default=256.0,
        ge=0,
        description="MiB of predictions of the rows that score: those of the worst trials are forgotten beyond it",
    )


class StudySpec(Section):
    """A whole study file, validated."""

    study: StudySection
    data: DataSection
    split: SplitSection = Field(default_factory=SplitSection)
    model: ModelSection
    training: TrainingSection = Field(default_factory=TrainingSection)
    objective: ObjectiveSection = Field(default_factory=ObjectiveSection)
    space: dict[str, Range | Choices] = Field(
        description='technique, "LAYER_PATTERN.technique", "LAYER_PATTERN.argument", "training.KEY" or "model.KEY"'
    )
    confirm: ConfirmSection = Field(default_factory=ConfirmSection)

    def configured(self, configuration: Mapping[str, Any]) -> StudySpec:
        """The spec with the searched settings of one configuration in place.

        Args:
            configuration: An effective configuration. Its `training.KEY` and `model.KEY` replace what the file says,
                `model.options.NAME` and `model.LAYER_PATTERN.ARGUMENT` one entry of a key, `training.KEY.ARGUMENT` one
                argument of what a key names; techniques are left to those who inject them.
        """
        tables: dict[str, Section] = {"training": self.training, "model": self.model}
        for name, value in configuration.items():
            table, _, key = name.partition(".")
            if table in tables:
                tables[table] = tables[table].model_copy(update=_update(tables[table], key, value))
        return self.model_copy(update=tables)

    def setting(self, name: str) -> Any:
        """What the file says of a setting, `training.KEY` and the like as in `configured`; None where it is silent."""
        table, _, key = name.partition(".")
        section = {"training": self.training, "model": self.model}.get(table)
        return None if section is None else setting_in(section, key)


def setting_in(section: Section, key: str) -> Any:
    """What [training] or [model] says of a key, or of an entry of one; None where it is silent."""
    field, inner = home_of("model" if isinstance(section, ModelSection) else "training", key)
    value = getattr(section, field, None)
    if inner is None:
        return value
    if isinstance(value, Unfreeze):
        return getattr(value, inner, None)
    held = value.arguments if isinstance(value, Called) else value if isinstance(value, dict) else {}
    found = held.get(inner)
    return tuple(found) if isinstance(found, list) else found


def home_of(table: str, key: str) -> tuple[str, str | None]:
    """The field of a table in which a setting stands, and its name there where it is one of several."""
    first, dot, rest = key.partition(".")
    if not dot:
        return key, None
    return (first, rest) if table == "training" or first == "options" else ("layers", key)


def _update(section: Section, key: str, value: Any) -> dict[str, Any]:
    """The field of a section that a setting changes, and what it then holds."""
    field, inner = home_of("model" if isinstance(section, ModelSection) else "training", key)
    if inner is None:
        return {field: value}
    held = getattr(section, field)
    if field in ("options", "layers"):
        return {field: {**(held or {}), inner: value}}
    if isinstance(held, Unfreeze):
        return {field: held.model_copy(update={inner: value})}
    name = held.name if isinstance(held, Called) else held
    given = held.arguments if isinstance(held, Called) else {}
    return {field: Called.model_validate({"name": name, **given, inner: value})}
