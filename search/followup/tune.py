"""`tune`: a study of a Keras model that is in memory, run from Python.

It writes what the shell would be given, a study file beside the model and the data, and runs that: the same checks, the
same search, and with a `directory` the same study to go on with, to browse and to export.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.coordination.entry import find_same_study
from search.coordination.launching import Launch, run_study
from search.coordination.taught import final_runs
from search.dispatch import process_session
from search.errors import RepeatabilityWarning, StudyFailedError
from search.followup.own_code import callback_settings
from search.followup.prediction import ModelCard
from search.followup.process_state import process_kept
from search.followup.refit import KerasModel, refit
from search.followup.telling import told
from search.followup.tune_arguments import check_arguments, check_direction, collected, with_whole_path
from search.followup.tune_files import DATA_FILE, STUDY_FILE, files_of, study_folder, write_study
from search.followup.tune_options import ClassWeight, TuneOptions
from search.preparation.drafted_data import Draft
from search.preparation.files import prepare_study
from search.preparation.study import PreparedStudy
from search.records import Configuration, StudyRecord, Trial, Verdict
from search.records.wording import describe_configuration, show_value
from search.selection import choose_stored
from search.storage import blank_database, open_storage
from search.user_code import code_trusted

_DATABASE = "regsearch.db"


@dataclass(frozen=True)
class Tuned:
    """What `tune` found.

    Args:
        study: The study's record.
        trials: Every trial, by number; trial 0 is the baseline: the model as it was given.
        baseline: Trial 0; None when it failed.
        best: The trial with the best score.
        chosen: The trial that the study ends with: the one that was confirmed to beat the baseline, or the baseline.
        configuration: The chosen trial's configuration; a technique that is off is absent.
        model: The model with that configuration, trained on all rows (but for sealed ones, where a setting seals some);
            it predicts targets in their own unit.
        verdict: What the confirmation found: whether regularization helps, by how much, and how sure that is; None
            where nothing was confirmed, as with `"confirm.finalists=0"`: then `chosen` is the best of many.
        card: What the model does not say itself: the labels of its classes, and what makes probabilities of outputs
            that are none.
    """

    study: StudyRecord
    trials: tuple[Trial, ...]
    baseline: Trial | None
    best: Trial
    chosen: Trial
    configuration: Configuration
    model: KerasModel
    verdict: Verdict | None = None
    card: ModelCard = field(default=ModelCard(), repr=False)

    def __repr__(self) -> str:
        """A summary in a few lines."""
        study, facts = self.study, self.study.facts
        shown = [] if self.baseline is None else [("baseline", self.baseline)]
        lines = [f"Tuned({study.name!r}: {len(self.trials)} trials, {study.metric}, {study.direction}"]
        for called, trial in (*shown, ("chosen", self.chosen)):
            told = describe_configuration(trial.configuration, facts)
            lines.append(f"  {called:<9} {show_value(trial.score):>8}  trial {trial.number}: {told}")
        return "\n".join(lines) + ")"


def tune(
    model: KerasModel,
    x: Any,
    y: Any = None,
    n_trials: int = 50,
    *,
    space: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
    name: str = "tune",
    n_jobs: int = 0,
    directory: str | Path | None = None,
    metric: str | None = None,
    epochs: int | None = None,
    folds: int | None = None,
    seed: int | None = None,
    test: float | None = None,
    sample_weight: Any = None,
    class_weight: ClassWeight | None = None,
    validation_data: tuple[Any, ...] | None = None,
    callbacks: Sequence[str | Callable[[], Any]] = (),
    verbose: bool | int = True,
) -> Tuned:
    """Find the regularization that makes a model generalize.

    Args:
        model: A Keras model, compiled or not; it stays as it is. Layers and losses of its own, and a subclassed model,
            come from one file that can be imported: workers run it. A compiled one is trained as it is
            compiled, unless a setting says otherwise. Weights begin anew for every run. A Sequential model without an
            input is given one that fits the rows.
        x: Features, shape (rows, ...): an array, a tensor, a list, or a DataFrame. Text of a DataFrame becomes one-hot
            inputs, dates, also those in text, become numbers, missing cells are filled and told, columns that name rows
            are left out, and numbers are scaled where there is any of these: then the model that comes out takes
            columns by name. `settings` say otherwise: `"data.drop=[]"`. Or a `tf.data.Dataset` or
            `keras.utils.PyDataset` of features and targets, whose rows fit into memory and come in the same order each
            time.
        y: Targets, shape (rows,) or (rows, targets); of several outputs by their names, or a list: the first is scored,
            or the one that the setting `"objective.output='NAME'"` names. None beside a data set.
        n_trials: Trials in all, the baseline among them.
        space: Technique to values, as in a study file: `{"l2": {"low": 1e-6, "high": 1e-1, "log": True}}`. Default:
            what suits the layers of the model.
        settings: Further settings as with `--set`: `["training.epochs=200", "objective.seeds=3"]`. No rows are sealed
            unless one says so: `"split.test=0.2"`. A loss of one's own is a function in a file:
            `"training.loss='FILE.py:function'"`.
        name: Name of the study.
        n_jobs: Worker processes; 0 trains in this process. They do not run the calling script: no
            `if __name__ == "__main__":` is needed.
        directory: Where study file, model, data and database are kept; calling again goes on with the study, and
            `regsearch dashboard --storage sqlite:///DIRECTORY/regsearch.db` shows it. Where the script builds the model
            anew, its layers need names of their own: Keras numbers the others on. Default: nothing is kept.
        metric: What a trial is judged by, as in [objective]: `roc_auc`, `mae`, or `FILE.py:function` beside the setting
            `'objective.direction="minimize"'`. Default: log_loss, mse, or, where a class is rare, `roc_auc` or
            `balanced_accuracy`.
        epochs: Epochs of a run, at most. Default: what suits the number of rows.
        folds: Folds of the cross-validation that scores a trial; 1 for a single holdout. Default: alike.
        seed: Seed of splits, initial weights and sampler.
        test: Rows that are sealed: a share or a count. Default: none.
        sample_weight: How much each row counts, in training and in scores, shape (rows,); rows of `validation_data`
            count 1.
        class_weight: `"balanced"`, or class to number, in training alone.
        validation_data: `(x, y)` of rows that score, in the place of a division of the others. All rows train the model
            that comes out.
        callbacks: Functions that return a Keras callback, or several, for each run: `"FILE.py:function"`, or those of a
            module that can be imported. Runs then train with Keras' own loop.
        verbose: Whether progress is told: by a bar in a notebook, else on standard error.

    The process is left as it was: Keras' names and dtype policy, random generators, environment variables, log levels.
    TensorFlow's threads cannot be changed once it was used. Where it was used on several before, as making a model
    does, a `RepeatabilityWarning` says so: two calls may then differ.

    Raises:
        StudyFileError: The space, a setting or the model cannot be used.
        DataError: The data cannot be used.
        StudyFailedError: Every trial failed.
    """
    x, y = collected(x, y)
    check_arguments(model, settings, space, n_jobs, validation_data)
    options = TuneOptions(
        metric, epochs, folds, seed, test, sample_weight, class_weight, has_validation_data=validation_data is not None
    )
    settings = [with_whole_path(setting) for setting in (*options.settings, *settings)]
    settings += callback_settings(callbacks)
    check_direction(options, settings)
    with contextlib.ExitStack() as stack:
        cautions = tuple(f"search.tune: {sentence}" for sentence in stack.enter_context(process_kept()))
        for caution in cautions:
            warnings.warn(caution, RepeatabilityWarning, stacklevel=2)
        stack.enter_context(code_trusted())  # which runs in this very process
        folder = stack.enter_context(study_folder(directory))
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as made:
            draft = write_study(Path(made), model, x, y, validation_data, options, settings, space, name)
            prepared = prepare_study(str(draft.folder / STUDY_FILE), [*settings, f"study.n_trials={n_trials}"])
            facts = dataclasses.replace(prepared.facts, folder=str(folder.resolve()))
            prepared = dataclasses.replace(
                prepared, facts=facts, notes=(*prepared.notes, *_note_dropped(prepared, draft), *cautions)
            )
            if directory is None:
                (folder / _DATABASE).write_bytes(blank_database())
            storage = stack.enter_context(open_storage(f"sqlite:///{folder / _DATABASE}", create=True))
            # Before files take the place of those that another study needs.
            prepared, _ = find_same_study(prepared, storage, renaming="name=")
            for file in files_of(draft):
                file.replace(folder / file.name)
            data_file = (folder / DATA_FILE).resolve()
            plan = dataclasses.replace(prepared.plan, dataset=prepared.plan.dataset.at(data_file))
            prepared = dataclasses.replace(prepared, plan=plan, sealed=prepared.sealed.at(data_file))
        # Cautions were warnings.
        telling = stack.enter_context(told(prepared, cautions)) if verbose else None
        study = run_study(prepared, storage, Launch(n_jobs, command="search.tune"), telling)
        trials = tuple(storage.trials(study.study_id))
        choice = choose_stored(storage, study, trials)
        if choice.best is None or choice.chosen is None:
            raise StudyFailedError(f"{name}: expected a trial with a score, received none.")
        chosen = choice.chosen
        final = final_runs(prepared, storage, study.study_id, chosen)
        # Where this process trained, what it compiled is there for the next study that is like this one.
        trained = refit(prepared, chosen.configuration, final, None if n_jobs else process_session())
        tuned = Tuned(
            study,
            trials,
            choice.baseline,
            choice.best,
            chosen,
            chosen.configuration,
            trained.model,
            choice.verdict,
            trained.card,
        )
        if telling is not None:
            telling.tell_result(repr(tuned))
        return tuned


def _note_dropped(prepared: PreparedStudy, draft: Draft) -> tuple[str, ...]:
    """Which columns the draft leaves out, where the caller said nothing of that."""
    dropped = () if "drop" in draft.given else prepared.spec.data.drop or ()
    if not dropped:
        return ()
    named = ", ".join(f'"{name}"' for name in dropped)
    return (f'Left out, since they name rows: {named}. settings=["data.drop=[]"] keeps them.',)
