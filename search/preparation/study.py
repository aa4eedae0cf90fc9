"""A study becomes a `PreparedStudy`: checked against its data, split, ready to run."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.data import (
    Dataset,
    Fold,
    SealedRows,
    SourceFunction,
    Splits,
    TargetScale,
    encoded_shape,
    is_stored,
    notes_on_columns,
    read_data,
    read_function,
    scores_other_rows,
    split_rows,
)
from search.errors import DataError, Problem, StudyFileError
from search.models import (
    Architecture,
    OwnSearch,
    SavedModel,
    UnbuiltModelError,
    check_custom_code,
    check_own_loss,
    check_patterns,
    count_products,
    describe_model,
    find_front,
    names_over_own,
    read_model,
    search_own,
    study_loss,
    targets_for,
)
from search.preparation.architectures import (
    architectures,
    check_sizes,
    check_unfreeze,
    searched_options,
    with_given_arguments,
)
from search.preparation.catalogue import default_catalogue
from search.preparation.facts import row_weights, score_constants, study_facts, training_rows
from search.preparation.input_sizes import check_inputs, told_shape
from search.preparation.notes import study_notes
from search.preparation.own_metric import read_own_metric
from search.preparation.pruning import fitting_pruner
from search.preparation.resolving import Place, resolve_study, tells_classes
from search.preparation.texts import with_numbers_of_texts
from search.records import Configuration, Direction, EngineChoice, Purpose, Run, StudyFacts
from search.spec import WIDEST_WINDOW, Choices, DataSection, StudySpec
from search.techniques import (
    TECHNIQUES,
    BatchTechnique,
    DataTechnique,
    staging_techniques,
    techniques_of,
    watches_stop_rows,
)
from search.training import OwnMetric, TrainingPlan, default_metric
from search.tuning.space import MOST_POINTS, SearchSpace, search_space


def _place_in_table(*key: str) -> str:
    return f"[{'.'.join(key)}]"


@dataclass(frozen=True)
class PreparedStudy:
    """A study whose file, data and split have been checked against each other.

    Args:
        spec: The study with every default that depends on the data filled in.
        space: What may be chosen.
        plan: What a worker needs to train; it holds no sealed row.
        metric: Name of the score.
        direction: Whether a low or a high score is good.
        data_sha256: Fingerprint of all rows.
        facts: What the data is like.
        n_trials: Trials in all.
        notes: What the user should know about the data and the split, one line each.
        sealed: The rows that no trial sees; looked at once, when the choice is made.
        left_open: Dotted keys that the file does not give, and whose default an earlier version did not know.
    """

    spec: StudySpec
    space: SearchSpace
    plan: TrainingPlan
    metric: str
    direction: Direction
    data_sha256: str
    facts: StudyFacts
    n_trials: int
    notes: tuple[str, ...]
    sealed: SealedRows
    left_open: frozenset[str] = frozenset()

    @property
    def n_rows(self) -> dict[str, int]:
        """Rows by use: `train`, `stop`, `validation` of the first fold, and `test`."""
        return dataclasses.asdict(self.facts.rows)

    @property
    def runs_per_trial(self) -> int:
        """Runs that score one trial: folds times seeds."""
        return len(self.plan.folds) * self.spec.objective.seeds

    @property
    def most_epochs(self) -> int:
        """The most epochs that a run of any configuration may have."""
        return _most_epochs(self.spec)

    @property
    def window(self) -> int:
        """Trials that are on their way at once, at most."""
        return self.spec.study.window or WIDEST_WINDOW

    @property
    def most_open_runs(self) -> int:
        """Runs that train at once, at most: those of a trial that may be cut short follow one another."""
        at_once = 1 if self.spec.study.pruner != "none" else self.runs_per_trial
        return self.window * at_once

    def products(self, configuration: Configuration) -> int:
        """Products that the plain model of a configuration takes for one row, to the order of magnitude."""
        dataset, section = self.plan.dataset, self.spec.configured(configuration).model
        shape, n_outputs = encoded_shape(dataset), dataset.n_outputs
        plain = describe_model(
            section,
            shape,
            n_outputs,
            dataset.task,
            self.plan.saved,
            inputs=dataset.inputs,
            outputs=dataset.named_outputs,
        )
        return count_products(plain)

    def runs(self, trial: int, configuration: Configuration) -> list[Run]:
        """The runs that score a trial of the search; equal for all configurations but for the configuration."""
        pairs = itertools.product(self.plan.folds, range(self.spec.objective.seeds))
        return [self.run(trial, fold.number, repeat, configuration) for fold, repeat in pairs]

    @property
    def scores_other_rows(self) -> bool:
        """Whether a confirmation scores other rows than the search, run by run."""
        return scores_other_rows(self.plan.dataset, self.spec.split)

    def confirmation_runs(
        self, trial: int, configuration: Configuration, repeat: int, purpose: Purpose = Purpose.CONFIRMATION
    ) -> list[Run]:
        """The runs that score a configuration once more, on divisions and with seeds that a repeat has of its own.

        Args:
            trial: Its trial; or, for `Purpose.PARTS`, what tells it from others.
            configuration: The configuration.
            repeat: Which repeat, from 0.
            purpose: Those of both purposes are the same divisions and seeds, so that differences are paired.
        """
        first = repeat * len(self.plan.folds)
        pairs = itertools.product(range(first, first + len(self.plan.folds)), range(self.spec.objective.seeds))
        return [self.run(trial, fold, seed, configuration, purpose) for fold, seed in pairs]

    def is_drawn(self, repeat: int) -> bool:
        """Whether a confirmation may have that repeat: groups may leave a part without a class, and draws a part of
        which no row counts.
        """
        try:
            folds = self.plan.redrawn(repeat)
        except DataError:
            return False
        return not any(_uncounted_use(self.spec, self.plan.dataset, fold) for fold in folds)

    def constant_scores(self, folds: Sequence[Fold]) -> tuple[float, ...]:
        """What it scores on folds of the development rows to predict the same for every row.

        Raises:
            StudyFileError: The user's own metric cannot score.
        """
        return score_constants(self.spec, self.plan.dataset, folds, self.plan.scoring, "[objective] metric")

    def run(
        self,
        trial: int,
        fold: int,
        repeat: int,
        configuration: Configuration,
        purpose: Purpose = Purpose.SEARCH,
        engine: EngineChoice | None = None,
    ) -> Run:
        """One run of this study, with the seed that its purpose, fold and repeat have."""
        seed = run_seed(self.spec.study.seed, fold, repeat, purpose)
        return Run(trial, fold, repeat, seed, configuration, engine, purpose)


def prepare_spec(spec: StudySpec, folder: Path, place: Place = _place_in_table) -> PreparedStudy:
    """Read the data that a study names.

    Args:
        spec: A valid study.
        folder: Folder to which the study's paths are relative.
        place: Where a table and a key stand, for errors.

    Raises:
        StudyFileError: The study is wrong for this data.
        DataError: The data cannot be read or split.
    """
    own_model = spec.model.family is None

    def read(data: DataSection) -> Dataset:
        return read_data(
            data,
            folder,
            place("data"),
            own_model=own_model,
            split=spec.split,
            split_place=place("split"),
            output=spec.objective.main_output,
            objective_place=place("objective", "output"),
        )

    dataset = read(spec.data)
    saved = None
    if own_model:
        development = dataset.take(split_rows(dataset, spec.split, spec.study.seed, place("split")).development)
        shape = encoded_shape(development)
        try:
            saved = read_model(
                spec.model,
                folder,
                place("model"),
                input_shape=shape,
                inputs=development.inputs,
                n_outputs=dataset.n_outputs,
                outputs=dataset.named_outputs,
                task=dataset.task,
                timeout_seconds=spec.data.timeout_seconds,
                variants=searched_options(spec, place),
            )
        except UnbuiltModelError as error:
            raise told_shape(error, development, shape) from error
        if spec.data.task is None and tells_classes(saved, dataset):
            dataset = read(spec.data.model_copy(update={"task": "classification"}))
    dataset, saved = with_numbers_of_texts(dataset, saved, folder, place("model"), spec.data.timeout_seconds)
    if saved is not None:
        seconds = spec.data.timeout_seconds
        check_custom_code(saved, place("model", "custom"), folder=str(folder), timeout_seconds=seconds)
    loss, named = None, _own_loss(spec, saved)
    if named is not None:
        loss = read_function(named, folder, place("training", "loss"), key="loss")
    own_metric = read_own_metric(spec.objective, folder, place("objective", "metric"))
    prepared = prepare_data(spec, dataset, place, saved, loss, own_metric)
    prepared = _with_callbacks(prepared, folder, place)
    if loss is not None:
        _check_own_loss(prepared, loss, str(folder), place)
    return dataclasses.replace(prepared, facts=dataclasses.replace(prepared.facts, folder=str(folder.resolve())))


def _with_callbacks(prepared: PreparedStudy, folder: Path, place: Place) -> PreparedStudy:
    """The study with the files of its callbacks read."""
    named = prepared.spec.training.callbacks or ()
    if not named:
        return prepared
    where = place("training", "callbacks")
    functions = tuple(read_function(each, folder, where, key="callbacks") for each in named)
    sha256 = hashlib.sha256(" ".join(f"{each.sha256}:{each.name}" for each in functions).encode()).hexdigest()
    plan = dataclasses.replace(prepared.plan, callbacks=functions)
    facts = dataclasses.replace(prepared.facts, callbacks_sha256=sha256)
    return dataclasses.replace(prepared, plan=plan, facts=facts)


def _own_loss(spec: StudySpec, saved: SavedModel | None) -> str | None:
    """`FILE.py:NAME` of the loss, where it is one of the user's: the study's, or that of the compiled model."""
    if spec.training.has_own_loss:
        return str(spec.training.loss)
    is_left_open = "loss" not in spec.training.model_fields_set or spec.training.loss is None
    return saved.compiled.own_loss if saved is not None and is_left_open else None


def prepare_data(
    spec: StudySpec,
    dataset: Dataset,
    place: Place = _place_in_table,
    saved: SavedModel | None = None,
    loss: SourceFunction | None = None,
    own_metric: OwnMetric | None = None,
) -> PreparedStudy:
    """Check a study against its data, and split the rows.

    Args:
        spec: A valid study.
        dataset: Its data.
        place: Where a table and a key stand, for errors.
        saved: The user's model; None for a family's.
        loss: The user's function that is the loss; None for one of Keras, and for a study that is not to be run.
        own_metric: The user's metric, which [objective] names; None for one of `METRICS`.

    Raises:
        StudyFileError: The study is wrong for this data.
        DataError: The data cannot be split.
    """
    spec, left_open = resolve_study(spec, dataset, saved, place)
    dataset = dataclasses.replace(dataset, scale_target=bool(spec.data.scale_target))
    splits = split_rows(dataset, spec.split, spec.study.seed, place("split"))
    development = dataset.take(splits.development)
    spec = with_given_arguments(spec, development, saved, place)
    check_inputs(development, saved, place("model"))
    plain = architectures(spec, development, saved, place)
    check_sizes(plain, development, place)
    spec, searched = _searching_own(spec, plain[0], place)
    _check_patterns(spec, plain, development, place)
    check_unfreeze(spec, plain[0], place)
    _check_pruner(spec, place)
    _check_metric_of_epochs(spec, own_metric, place)
    _check_outputs(spec, development, place)
    _check_loss(spec, place)
    _check_weights(spec, development, splits, place)
    _check_scaling(spec, saved, place)
    spec = _of_rows_in_a_file(spec, development, place)
    space = search_space(spec, default_catalogue())
    n_trials = _total_trials(spec, space, place)
    _check_runs(spec, n_trials, len(splits.folds), place)
    spec = spec.model_copy(update={"study": spec.study.model_copy(update={"n_trials": n_trials})})
    spec = _with_pruner(spec, plain, splits)
    plan = TrainingPlan(development, splits.folds, spec, str(spec.objective.metric_name), saved, loss, own_metric)
    metric = plan.scoring
    front = None if is_stored(development.features) else find_front(plain[0], tuple(spec.space))
    notes = study_notes(spec, development, splits, saved, n_trials, searched, front, plain[0].beside)
    return PreparedStudy(
        spec=spec,
        space=space,
        plan=plan,
        metric=metric.label,
        direction=metric.direction,
        data_sha256=dataset.sha256,
        facts=dataclasses.replace(
            study_facts(spec, development, splits, metric, saved, place),
            own_names=names_over_own(plain[0], tuple(spec.space)),
            loss_sha256=None if loss is None else loss.sha256,
        ),
        n_trials=n_trials,
        notes=(*dataset.notes, *notes_on_columns(development), *splits.notes, *notes),
        sealed=SealedRows(dataset, splits.test),
        left_open=left_open,
    )


_MOST_RUNS = 10_000_000
"""Of a search, and of a confirmation: of the shortest runs that there are, at 10 ms, a day and more."""

_SEEDS_OF = {Purpose.SEARCH: 102, Purpose.REFIT: 102, Purpose.CONFIRMATION: 104, Purpose.PARTS: 104}
"""What runs of a purpose draw from the study's seed; a refit is the search's first run again, with all rows.

`search.tuning.samplers` and `search.data.splits` have other numbers, so that no two of them meet.
"""


def run_seed(study_seed: int, fold: int, repeat: int, purpose: Purpose = Purpose.SEARCH) -> int:
    """The seed of a run, in [0, 2**31): the same for every configuration, so that differences are paired."""
    return int(np.random.SeedSequence((study_seed, _SEEDS_OF[purpose], fold, repeat)).generate_state(1)[0]) >> 1


def _searching_own(spec: StudySpec, plain: Architecture, place: Place) -> tuple[StudySpec, OwnSearch | None]:
    """The study with what the model brings of its own in [space], where it is to be searched."""
    if spec.model.own != "search":
        return spec, None
    searched = search_own(plain, tuple(spec.space))
    space = {**spec.space, **searched.entries}
    if not space:
        message = "expected a model with a dropout rate or a penalty of its own to search, received one without"
        raise StudyFileError(Problem(place("model", "own"), message, "Name techniques in [space]."))
    return spec.model_copy(update={"space": space}), searched


def _check_patterns(spec: StudySpec, plain: list[Architecture], dataset: Dataset, place: Place) -> None:
    phase = spec.training.unfreeze
    problems = check_patterns(plain, tuple(spec.space), dataset.task, () if phase is None else phase.layers)
    if problems:
        raise StudyFileError([Problem(place("space", name), text, remedy) for name, text, remedy in problems])


def _of_rows_in_a_file(spec: StudySpec, development: Dataset, place: Place) -> StudySpec:
    """The study, with the engine that reads rows from a file where they are in one."""
    if not is_stored(development.features):
        return spec
    if spec.training.engine not in ("auto", "fit"):
        message = f'expected engine = "fit" for features that do not fit into memory, received "{spec.training.engine}"'
        raise StudyFileError(Problem(place("training", "engine"), message, "Raise data.memory_gib where they do."))
    for technique in techniques_of(spec.space):
        if isinstance(technique, DataTechnique):
            message = f"expected features in memory for {technique.name}, which changes all of them, received a file"
            raise StudyFileError(Problem(place("space", technique.name), message, "Leave it out."))
    return spec.model_copy(update={"training": spec.training.model_copy(update={"engine": "fit"})})


def _check_pruner(spec: StudySpec, place: Place) -> None:
    staging = [technique.name for technique in staging_techniques(spec.space)]
    if spec.study.pruner not in ("auto", "none") and staging:
        message = (
            f'expected pruner = "none" with {staging[0]} in [space], received "{spec.study.pruner}": '
            f"runs along a {staging[0]} are longer than others, so that their epochs tell nothing of one another"
        )
        raise StudyFileError(Problem(place("study", "pruner"), message, "Leave out one of the two."))


def _with_pruner(spec: StudySpec, plain: Sequence[Architecture], splits: Splits) -> StudySpec:
    """The study with the pruner that fits it, where the file leaves that open."""
    if spec.study.pruner != "auto":
        return spec
    # Epochs of two phases tell nothing of one another, and of a sum over outputs there are none.
    if spec.training.unfreeze is not None or spec.objective.outputs:
        return spec.model_copy(update={"study": spec.study.model_copy(update={"pruner": "none"})})
    n_train = min(len(fold.train) for fold in splits.folds)
    n_runs = len(splits.folds) * spec.objective.seeds
    pruner = fitting_pruner(spec, plain, n_train, n_runs, _most_epochs(spec))
    return spec.model_copy(update={"study": spec.study.model_copy(update={"pruner": pruner})})


def _most_epochs(spec: StudySpec) -> int:
    searched, of_second_phase = spec.space.get("training.epochs"), spec.training.all_epochs - spec.training.epochs
    if searched is None:
        return spec.training.all_epochs
    return of_second_phase + int(max(searched.choices) if isinstance(searched, Choices) else searched.high)


def _check_outputs(spec: StudySpec, development: Dataset, place: Place) -> None:
    """Refuse a sum over outputs that cannot be had."""
    weights = spec.objective.outputs
    if weights is None:
        return
    known, where = [each.name for each in development.named_outputs], place("objective", "outputs")
    for name in weights:
        if name not in known:
            received = f'"{name}"' if known else "data with one target"
            message = f"expected outputs to be among {', '.join(known) or 'those of the data'}, received {received}"
            raise StudyFileError(Problem(where, message))
    if development.output not in weights:
        message = f"expected the output that the study is about among outputs, received none of {development.output}"
        raise StudyFileError(Problem(where, message, "Give it a number, or leave objective.output out."))
    if spec.objective.metric_name != default_metric(development.task):
        message = f'expected no metric beside outputs, received "{spec.objective.metric_name}"'
        raise StudyFileError(Problem(place("objective", "metric"), message, "Each scores by log_loss or mse."))
    if spec.study.pruner not in ("auto", "none", "wilcoxon"):
        message = f'expected pruner = "none" or "wilcoxon" beside outputs, received "{spec.study.pruner}"'
        raise StudyFileError(Problem(place("study", "pruner"), message, "The sum is known at the end of a run alone."))


def _check_metric_of_epochs(spec: StudySpec, own_metric: OwnMetric | None, place: Place) -> None:
    if own_metric is not None and spec.study.pruner in ("median", "hyperband") and spec.training.engine != "fit":
        message = (
            f'expected pruner = "none" or "wilcoxon" with metric = "{own_metric.name}", received '
            f'"{spec.study.pruner}": a program cannot call a function of yours after each epoch, so that no run tells '
            "how it goes before its end"
        )
        remedy = 'Or set training.engine = "fit", which does call it.'
        raise StudyFileError(Problem(place("study", "pruner"), message, remedy))


def _check_weights(spec: StudySpec, development: Dataset, splits: Splits, place: Place) -> None:
    """Refuse folds of which no row counts: nothing scores, trains, or stops a run."""
    for number, fold in enumerate(splits.folds, start=1):
        if use := _uncounted_use(spec, development, fold):
            message = f"expected rows that {use} with a weight above 0 in every fold, received fold {number} with none"
            raise StudyFileError(Problem(place("split"), message, "Leave rows of weight 0 out of the data."))


def _check_scaling(spec: StudySpec, saved: SavedModel | None, place: Place) -> None:
    """Refuse to scale whole numbers that the user's model takes as names of things."""
    if spec.data.standardize and saved is not None and saved.whole:
        message = f"expected false, for the model takes whole numbers ({', '.join(saved.whole)}), received true"
        remedy = "Scale the other inputs in the model: keras.layers.Normalization."
        raise StudyFileError(Problem(place("data", "standardize"), message, remedy))


def _uncounted_use(spec: StudySpec, development: Dataset, fold: Fold) -> str | None:
    """What the rows of a fold are for of which none counts: `train`, say; None where some count for each use."""
    stops = watches_stop_rows(spec.space)
    uses = {"train": fold.train if stops else training_rows(fold), "score": fold.validation}
    for use, rows in (uses | ({"stop a run": fold.stop} if stops else {})).items():
        if (weight := row_weights(development, rows)) is not None and not weight.any():
            return use
    return None


def _check_loss(spec: StudySpec, place: Place) -> None:
    """Refuse techniques that a loss or an optimizer does not go with."""
    problems, loss = [], study_loss(spec.training)
    for name in spec.space:
        technique = TECHNIQUES.get(name)
        if loss is not None and not loss.known.takes_shares and isinstance(technique, BatchTechnique):
            message = f"expected a loss that knows labels between two classes, received {loss.name}"
            problems.append(Problem(place("space", name), message, "Leave out one of the two."))
    if "weight_decay" in spec.space and spec.training.optimizer_arguments.get("weight_decay") is not None:
        message = "expected weight_decay in [space] or of the optimizer, received both"
        problems.append(Problem(place("space", "weight_decay"), message, "Leave out one of the two."))
    problems += _unfit_rate(spec, place)
    if problems:
        raise StudyFileError(problems)


def _check_own_loss(prepared: PreparedStudy, function: SourceFunction, folder: str, place: Place) -> None:
    """Try the user's own loss on a few rows."""
    spec, development = prepared.spec, prepared.plan.dataset
    loss = architectures(spec, development, prepared.plan.saved, place)[0].loss
    target = development.target
    if development.scale_target:
        target = TargetScale.fit(target).scaled(target)
    check_own_loss(
        function,
        loss,
        targets_for(loss, target, len(development.classes)),
        1 if loss.form == "column" and development.task != "regression" else development.n_outputs,
        place("training", "loss"),
        folder=folder,
        timeout_seconds=spec.data.timeout_seconds,
    )


def _unfit_rate(spec: StudySpec, place: Place) -> list[Problem]:
    """What is wrong with a learning rate beside a schedule that holds its own."""
    values = () if spec.training.schedule is None else spec.training.schedule.arguments.get("values", ())
    if not values:
        return []
    problems = []
    if spec.training.learning_rate != values[0]:
        message = f"expected {values[0]:g}, with which the schedule begins, received {spec.training.learning_rate:g}"
        problems.append(Problem(place("training", "learning_rate"), message))
    if "training.learning_rate" in spec.space:
        message = "expected a learning rate that is not searched, since the schedule holds its values, received it"
        problems.append(Problem(place("space", "training.learning_rate"), message, "Leave out one of the two."))
    return problems


def _check_runs(spec: StudySpec, n_trials: int, n_folds: int, place: Place) -> None:
    """Refuse more runs than a database holds and anybody waits for."""
    of_search, confirm = n_trials * n_folds * spec.objective.seeds, spec.confirm
    of_confirmation = confirm.finalists * (0 if confirm.repeats == "auto" else confirm.repeats)
    problems = []
    if of_search > _MOST_RUNS:
        message = (
            f"expected at most {_MOST_RUNS:,} runs, received {n_trials:,} trials of {of_search // n_trials:,} runs"
        )
        problems.append(Problem(place("study", "n_trials"), message, "Lower n_trials, objective.seeds or the folds."))
    if of_confirmation > _MOST_RUNS:
        message = (
            f"expected at most {_MOST_RUNS:,} runs, received {confirm.finalists:,} finalists of {confirm.repeats:,}"
        )
        problems.append(Problem(place("confirm", "repeats"), message, "Lower confirm.repeats or confirm.finalists."))
    if problems:
        raise StudyFileError(problems)


def _total_trials(spec: StudySpec, space: SearchSpace, place: Place) -> int:
    size = space.count_points(spec.study.sampler)
    if size is None:
        return spec.study.n_trials or 1
    if size > MOST_POINTS:
        raise StudyFileError(
            Problem(
                place("study", "sampler"),
                f"expected at most {MOST_POINTS:,} points for the sampler to walk, received more",
                'Shorten the lists in [space], or choose sampler = "tpe".',
            )
        )
    return min(size, spec.study.n_trials or size)
