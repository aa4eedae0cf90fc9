"""`RegularizedClassifier` and `RegularizedRegressor`: `search.tune` as estimators of scikit-learn.

A fitted estimator holds its Keras model, and pickles it as the bytes of a `.keras` file, which are loaded when it first
predicts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from search.errors import Problem, UsageError
from search.followup.process_state import process_kept
from search.followup.tune import Tuned, tune
from search.fork_server import available_cores
from search.models import TrainedModel, build_model, describe_model
from search.preparation.drafting import HIDDEN
from search.spec import ModelSection

if TYPE_CHECKING:
    from search.followup.refit import KerasModel
    from search.followup.tune_options import ClassWeight
    from search.records import Task

_NUMBERS = (np.float64, np.float32)
_ROWS_TOGETHER = 16


class _Regularized(BaseEstimator):
    """What both estimators share; the arguments are those of `RegularizedClassifier`."""

    def __init__(
        self,
        model: KerasModel | Callable[[int, int], KerasModel] | None = None,
        n_trials: int = 50,
        *,
        space: Mapping[str, Any] | None = None,
        settings: Sequence[str] = (),
        metric: str | None = None,
        epochs: int | None = None,
        folds: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        directory: str | Path | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.n_trials = n_trials
        self.space = space
        self.settings = settings
        self.metric = metric
        self.epochs = epochs
        self.folds = folds
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.directory = directory
        self.verbose = verbose

    @property
    def model_(self) -> KerasModel:
        """The Keras model with the chosen configuration, trained on all rows; it takes them as `fit` does."""
        check_is_fitted(self)
        return self._loaded().model

    def _search(
        self,
        x: npt.NDArray[Any],
        y: npt.NDArray[Any],
        sample_weight: npt.NDArray[Any] | None,
        *,
        task: Task,
        n_outputs: int,
        class_weight: ClassWeight | None = None,
    ) -> None:
        """Tune, and keep what came of it."""
        kind = "regression" if task == "regression" else "classification"
        seed: Any = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        with process_kept():
            tuned = tune(
                self._made(x.shape[1], n_outputs, task),
                x,
                y,
                self.n_trials,
                space=self.space,
                settings=[f'data.task="{kind}"', "data.standardize=true", *self.settings],
                name=type(self).__name__,
                n_jobs=_n_workers(self.n_jobs),
                directory=self.directory,
                metric=self.metric,
                epochs=self.epochs,
                folds=self.folds,
                seed=int(seed),
                sample_weight=sample_weight,
                class_weight=class_weight,
                verbose=self.verbose,
            )
        self._keep(tuned)

    def _made(self, n_features: int, n_outputs: int, task: Task) -> KerasModel:
        """The model that is regularized."""
        model = self.model
        if model is None:
            section = ModelSection(family="mlp", hidden=HIDDEN)
            return build_model(describe_model(section, (n_features,), n_outputs, task))
        if hasattr(model, "get_config") or isinstance(model, type) or not callable(model):
            return model  # of what is no model tune says so
        made = model(n_features, n_outputs)
        if not hasattr(made, "get_config"):
            message = f"expected a function that returns a Keras model, received one that returns {type(made).__name__}"
            raise UsageError(Problem("model", message))
        return made

    def _keep(self, tuned: Tuned) -> None:
        self.study_ = tuned.study
        self.trials_ = tuned.trials
        self.baseline_ = tuned.baseline
        self.chosen_ = tuned.chosen
        self.configuration_ = tuned.configuration
        self.verdict_ = tuned.verdict
        self._trained: TrainedModel | None = TrainedModel.of(tuned.model)
        self._saved: bytes | None = None
        self._card = tuned.card

    def _forget(self) -> None:
        """What was fitted before is not of these rows; a fit that fails leaves nothing behind."""
        for name in ("_trained", "_saved", "_card"):
            self.__dict__.pop(name, None)

    def _outputs(self, x: Any) -> npt.NDArray[np.float64]:
        """Probabilities of classes, or numbers in the target's own unit, shape (rows, outputs)."""
        check_is_fitted(self)
        x = validate_data(self, x, dtype=_NUMBERS, reset=False)
        with np.errstate(over="ignore"):
            rows = x.astype(np.float32)
        if not np.isfinite(rows).all():
            raise ValueError(f"{type(self).__name__}: expected numbers that float32 can hold, received a larger one.")
        # Sums of float32 are rounded otherwise for a single row than for many; filled up, a row has one prediction.
        filled = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % _ROWS_TOGETHER, axis=0)])
        told = self._loaded().predict(filled, self._card.link)["prediction"]
        return np.asarray(told, np.float64).reshape(len(filled), -1)[: len(rows)]

    def _loaded(self) -> TrainedModel:
        """The trained model; one that was unpickled is loaded now."""
        if self._trained is None:
            assert self._saved is not None
            with process_kept(), tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.keras"
                path.write_bytes(self._saved)
                self._trained = TrainedModel(path)
        return self._trained

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if state.get("_trained") is None:
            return state
        if self._saved is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.keras"
                self._loaded().model.save(path)
                self._saved = path.read_bytes()
        return {**state, "_trained": None, "_saved": self._saved}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_card")


class RegularizedClassifier(ClassifierMixin, _Regularized):
    """A classifier whose regularization is searched, chosen and confirmed by `search.tune` when it is fitted.

        >>> from search import RegularizedClassifier
        >>> from sklearn.datasets import make_moons
        >>> x, y = make_moons(100, noise=0.2, random_state=1)
        >>> classifier = RegularizedClassifier(n_trials=20, random_state=1).fit(x, y)  # doctest: +SKIP
        >>> classifier.predict_proba(x[:2]), classifier.verdict_.answer  # doctest: +SKIP

    Features are numbers, without missing ones, in a table of rows and columns. They are scaled to mean 0 and deviation
    1, which is a layer of the model that comes out; `settings=["data.standardize=false"]` leaves them as they are. For
    text, dates, missing cells, images and several inputs there is `search.tune` itself.

    Args:
        model: A Keras model, or a function `(n_features, n_classes) -> model`; default: two hidden layers of 128 units.
            Weights begin anew for every run.
        n_trials: Trials in all, the baseline among them.
        space: Technique to values, as of `search.tune`; default: what suits the layers of the model.
        settings: Further settings as with `--set`: `["objective.seeds=3", "confirm.finalists=0"]`.
        metric: What a trial is judged by; default: `log_loss`, or where a class is rare `roc_auc` or
            `balanced_accuracy`. Not what `score` tells, which is the accuracy.
        epochs: Epochs of a run, at most; default: what suits the number of rows.
        folds: Folds of the cross-validation that scores a trial; 1 for a single holdout; default: alike.
        class_weight: `"balanced"`, or class to number, in training alone.
        random_state: Seed of splits, initial weights and sampler; the same gives the same model.
        n_jobs: Worker processes; None and 1 train in this process, -1 is one a core.
        directory: Where study file, model, data and database are kept; default: nothing is kept.
        verbose: Whether progress is told.

    Attributes:
        classes_: Labels, shape (n_classes,), sorted.
        n_features_in_: Number of features.
        feature_names_in_: Their names, where `fit` had a DataFrame with names of text.
        model_: The trained Keras model.
        configuration_: The chosen configuration; a technique that is off is absent.
        verdict_: Whether regularization helps, by how much, and how sure that is; None without a confirmation.
        trials_: Every trial, by number.
        baseline_: Trial 0, everything off; None when it failed.
        chosen_: The trial that was chosen.
        study_: The study's record.
    """

    def __init__(
        self,
        model: KerasModel | Callable[[int, int], KerasModel] | None = None,
        n_trials: int = 50,
        *,
        space: Mapping[str, Any] | None = None,
        settings: Sequence[str] = (),
        metric: str | None = None,
        epochs: int | None = None,
        folds: int | None = None,
        class_weight: ClassWeight | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        directory: str | Path | None = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            model,
            n_trials,
            space=space,
            settings=settings,
            metric=metric,
            epochs=epochs,
            folds=folds,
            random_state=random_state,
            n_jobs=n_jobs,
            directory=directory,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RegularizedClassifier:
        """Search the regularization, and train the chosen configuration on all rows.

        Args:
            X: Features, shape (rows, features): numbers.
            y: Labels, shape (rows,).
            sample_weight: How much each row counts, shape (rows,); rows of weight 0 are left out.

        Returns:
            The estimator.

        Raises:
            ValueError: Features, labels or weights are not of that kind, or there is but one class.
            UsageError: An argument, the model or the rows cannot be used.
            StudyFailedError: Every trial failed.
        """
        self._forget()
        X, y = validate_data(self, X, y, dtype=_NUMBERS, ensure_min_samples=2)
        check_classification_targets(y)
        X, y, weight = _counting(X, y, sample_weight)
        self.classes_, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        n_classes = len(self.classes_)
        if n_classes < 2 or counts.min() < 2:
            label = self.classes_.tolist()[int(counts.argmin())]
            of = "rows of at least 2 classes" if n_classes < 2 else "at least 2 rows of every class"
            received = f"1 class, {label!r}" if n_classes < 2 else f"a single row of {label!r}"
            raise ValueError(f"{type(self).__name__}: expected {of}, received {received}.")
        self._search(
            X,
            y if y.dtype.kind in "iu" else np.array(self._class_names())[codes],
            weight,
            task="binary" if n_classes == 2 else "multiclass",
            n_outputs=n_classes,
            class_weight=self._named_class_weight(),
        )
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The label of each row, shape (rows,).

        The one with the highest probability; of two classes under a metric that counts decisions (`accuracy`, ...), the
        one on whose side of the best threshold it lies.
        """
        probabilities = self._probabilities(X)
        if len(self.classes_) == 2:
            chosen = (probabilities[:, 1] > self._card.threshold).astype(int)
        else:
            chosen = probabilities.argmax(axis=1)
        return np.asarray(self.classes_[np.argsort(self._places())[chosen]])

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """The probability of each class, in the order of `classes_`, shape (rows, n_classes)."""
        return np.asarray(self._probabilities(X)[:, self._places()])

    def _probabilities(self, x: Any) -> npt.NDArray[np.float64]:
        """The probability of each class, in the order of the study's."""
        outputs = self._outputs(x)
        if len(self.classes_) == 2:
            second = outputs[:, -1]
            return np.column_stack([1 - second, second])
        return np.asarray(outputs / outputs.sum(axis=1, keepdims=True))

    def _places(self) -> list[int]:
        """Where in the study, which sorts text, each of `classes_` stands."""
        return [self._card.classes.index(name) for name in self._class_names()]

    def _class_names(self) -> list[str]:
        """The classes as text, as the study names them."""
        return [
            str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
            for label in self.classes_.tolist()
        ]

    def _named_class_weight(self) -> ClassWeight | None:
        """Class weights by the names of classes."""
        given = self.class_weight
        if not isinstance(given, Mapping):
            return given
        unknown = [label for label in given if label not in set(self.classes_.tolist())]
        if unknown:
            message = f"expected classes of y ({', '.join(map(repr, self.classes_.tolist()))}), received {unknown[0]!r}"
            raise UsageError(Problem("class_weight", message))
        return {
            name: given.get(label, 1.0) for name, label in zip(self._class_names(), self.classes_.tolist(), strict=True)
        }


class RegularizedRegressor(MultiOutputMixin, RegressorMixin, _Regularized):
    """A regressor whose regularization is searched, chosen and confirmed by `search.tune` when it is fitted.

        >>> from search import RegularizedRegressor
        >>> from sklearn.datasets import load_diabetes
        >>> x, y = load_diabetes(return_X_y=True)
        >>> RegularizedRegressor(n_trials=20, random_state=1).fit(x, y).score(x, y)  # doctest: +SKIP

    Features are numbers, as of `RegularizedClassifier`; targets are scaled while they train, and predicted in their own
    unit.

    Args:
        model: A Keras model, or a function `(n_features, n_targets) -> model`; default: two hidden layers of 128 units.
            Weights begin anew for every run.
        n_trials: Trials in all, the baseline among them.
        space: Technique to values, as of `search.tune`; default: what suits the layers of the model.
        settings: Further settings as with `--set`: `["objective.seeds=3", "confirm.finalists=0"]`.
        metric: What a trial is judged by; default: `mse`. Not what `score` tells, which is R2.
        epochs: Epochs of a run, at most; default: what suits the number of rows.
        folds: Folds of the cross-validation that scores a trial; 1 for a single holdout; default: alike.
        random_state: Seed of splits, initial weights and sampler; the same gives the same model.
        n_jobs: Worker processes; None and 1 train in this process, -1 is one a core.
        directory: Where study file, model, data and database are kept; default: nothing is kept.
        verbose: Whether progress is told.

    Attributes:
        n_features_in_: Number of features.
        feature_names_in_: Their names, where `fit` had a DataFrame with names of text.
        model_: The trained Keras model.
        configuration_: The chosen configuration; a technique that is off is absent.
        verdict_: Whether regularization helps, by how much, and how sure that is; None without a confirmation.
        trials_: Every trial, by number.
        baseline_: Trial 0, everything off; None when it failed.
        chosen_: The trial that was chosen.
        study_: The study's record.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RegularizedRegressor:
        """Search the regularization, and train the chosen configuration on all rows.

        Args:
            X: Features, shape (rows, features): numbers.
            y: Targets, shape (rows,) or (rows, targets).
            sample_weight: How much each row counts, shape (rows,); rows of weight 0 are left out.

        Returns:
            The estimator.

        Raises:
            ValueError: Features, targets or weights are not of that kind.
            UsageError: An argument, the model or the rows cannot be used.
            StudyFailedError: Every trial failed.
        """
        self._forget()
        X, y = validate_data(self, X, y, dtype=_NUMBERS, multi_output=True, y_numeric=True, ensure_min_samples=2)
        X, y, weight = _counting(X, y, sample_weight)
        self._is_flat = y.ndim == 1
        self._search(X, y.astype(np.float64), weight, task="regression", n_outputs=1 if y.ndim == 1 else y.shape[1])
        return self

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """The targets of each row in their own unit, in the shape that `fit` had them."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_flat else outputs


def _counting(x: npt.NDArray[Any], y: npt.NDArray[Any], sample_weight: Any) -> tuple[Any, Any, Any]:
    """The rows whose weight is above 0, and their weights; None where all count alike."""
    if sample_weight is None:
        return x, y, None
    weight = column_or_1d(sample_weight, dtype=np.float64)
    check_consistent_length(x, weight)
    counts = weight != 0  # one that is negative or no number is refused later
    if not counts.any():
        raise ValueError("sample_weight: expected some weights above zero, received zeros only.")
    return x[counts], y[counts], weight[counts]


def _n_workers(n_jobs: Any) -> int:
    """Worker processes, as scikit-learn counts: 0 for this process alone."""
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer)):
        raise UsageError(Problem("n_jobs", f"expected a whole number or None, received {n_jobs!r}"))
    cores = available_cores()
    wanted = 1 if n_jobs is None else int(n_jobs) if n_jobs >= 0 else max(1, cores + 1 + int(n_jobs))
    return 0 if wanted <= 1 else min(wanted, cores)
