"""The same search by regsearch, by a plain Optuna loop around `fit`, and by KerasTuner; one process trains each."""

import importlib.util
import tempfile

import keras
import optuna

from search.data import prepare
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.studies import FIVE_FOLDS, prepared, run_here, study_text

LIMITED_BY = (
    "the start of the worker (TensorFlow's import, tracing and compiling); once it runs, a few ms of Dask and "
    "Python a run."
)

FULL = {}
QUICK = {"rounds": 1}
TINY = {"rounds": 1, "n_trials": 4, "n_epochs": 1, "engine": "graph", "n_jobs": 0}

N_FOLDS = 5


def measure(
    rounds: int = 3, n_trials: int = 60, n_epochs: int = 200, engine: str = "auto", n_jobs: int = 1
) -> list[Line]:
    start_tensorflow()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    text = study_text(n_trials, n_epochs, FIVE_FOLDS, engine=engine)
    plan = prepared(text).plan
    rows = prepare(plan.dataset, plan.folds[0], keep_stop=False)
    once_it_runs = []

    def by_regsearch() -> float:
        watch = run_here(text, n_jobs)
        once_it_runs.append(watch.seconds_a_trial())
        return watch.seconds / n_trials

    peers = {"regsearch": by_regsearch, "Optuna and fit": wall_seconds(lambda: by_optuna(rows, n_epochs), N_FOLDS)}
    if importlib.util.find_spec("keras_tuner"):
        peers["KerasTuner"] = wall_seconds(lambda: by_keras_tuner(rows, n_epochs), N_FOLDS)
    costs = side_by_side(peers, rounds, warm=False)
    work = f"{n_trials} configurations x {N_FOLDS} folds x {n_epochs} epochs"
    note = f"peer: one fold of one of {n_trials} trials counted, all epochs"
    return [
        line
        for peer in list(peers)[1:]
        for line in (
            Line("search", work, peer, "s a trial", tuple(once_it_runs), costs[peer], 300, note),
            Line("search", f"{work}, start included", peer, "s a trial", costs["regsearch"], costs[peer], None, note),
        )
    ]


def by_optuna(rows, n_epochs):
    def objective(trial):
        model = build(
            trial.suggest_float("l2", 1e-6, 1e-1, log=True),
            trial.suggest_float("dropout", 0.05, 0.6),
            trial.suggest_float("learning_rate", 5e-4, 2e-3, log=True),
        )
        return model.fit(**fitting(rows, n_epochs)).history["val_loss"][-1]

    optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1)).optimize(objective, n_trials=1)


def by_keras_tuner(rows, n_epochs):
    import keras_tuner

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            lambda hp: build(
                hp.Float("l2", 1e-6, 1e-1, sampling="log"),
                hp.Float("dropout", 0.05, 0.6),
                hp.Float("learning_rate", 5e-4, 2e-3, sampling="log"),
            ),
            objective="val_loss",
            max_trials=1,
            seed=1,
            directory=folder,
        )
        tuner.search(**fitting(rows, n_epochs))
        (trial,) = tuner.oracle.trials.values()
    if trial.status != "COMPLETED":  # KerasTuner goes on after an error
        raise RuntimeError(f"expected KerasTuner's trial to end well, received {trial.message}")


def build(l2, dropout, learning_rate):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(500, activation="relu", kernel_regularizer=keras.regularizers.L2(l2)),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy")
    return model


def fitting(rows, n_epochs):
    return {
        "x": rows.train.array,
        "y": rows.train.y,
        "validation_data": (rows.validation.array, rows.validation.y),
        "epochs": n_epochs,
        "batch_size": 32,
        "verbose": 0,
    }
