"""The same trials by regsearch, by a plain Optuna loop and by KerasTuner, side by side in one process.

    uv run --group bench python tests/benchmarks/compare.py

Every peer trains the same number of trials of the same model on the same rows, with validation every epoch, one after
the other on one thread, in rounds that alternate, so that a machine whose speed drifts slows all of them. Printed
are medians over the rounds and their spread; what counts is the ratio.
"""

import statistics
import tempfile
import time

import keras
import keras_tuner
import optuna

from search.records import Configuration
from search.training import train_run
from search.training.session import start_tensorflow
from search.tuning.preparation import prepare_study

ROUNDS = 3
TRIALS = 4
EPOCHS = 100
L2 = (1e-4, 1e-3, 1e-2, 3e-2)

PREPARED = prepare_study(
    "moons", ["split.validation={method='holdout', fraction=0.4}", f"training.epochs={EPOCHS}", "split.test=0"]
)


def rows():
    plan = PREPARED.plan
    fold = plan.folds[0]
    x, y = plan.dataset.features, plan.dataset.target
    train = [*fold.train, *fold.stop]  # a run without patience trains on the stop rows, too
    return x[train], y[train], x[fold.validation], y[fold.validation]


def build(l2):
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(500, activation="relu", kernel_regularizer=keras.regularizers.L2(l2)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def by_regsearch():
    for l2 in L2:
        (run,) = PREPARED.runs(0, Configuration({"l2": l2}))
        assert train_run(PREPARED.plan, run).score is not None


def by_optuna():
    x, y, x_validation, y_validation = rows()

    def objective(trial):
        model = build(trial.suggest_categorical("l2", L2))
        fitted = model.fit(x, y, validation_data=(x_validation, y_validation), epochs=EPOCHS, batch_size=32, verbose=0)
        return fitted.history["val_loss"][-1]

    study = optuna.create_study(sampler=optuna.samplers.GridSampler({"l2": L2}))
    study.optimize(objective, n_trials=TRIALS)


def by_keras_tuner():
    x, y, x_validation, y_validation = rows()
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(
            lambda hp: build(hp.Choice("l2", list(L2))),
            objective="val_loss",
            max_trials=TRIALS,
            directory=folder,
            overwrite=True,
        )
        tuner.search(x, y, validation_data=(x_validation, y_validation), epochs=EPOCHS, batch_size=32, verbose=0)


def main():
    start_tensorflow()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    peers = {"regsearch": by_regsearch, "plain Optuna loop": by_optuna, "KerasTuner": by_keras_tuner}
    seconds = {name: [] for name in peers}
    for round_number in range(ROUNDS + 1):
        for name, run in peers.items():
            started = time.perf_counter()
            run()
            if round_number:  # the first round warms up
                seconds[name].append((time.perf_counter() - started) / TRIALS)
    reference = seconds["regsearch"]
    print(f"{TRIALS} trials x {EPOCHS} epochs, moons, 2-500-1, {ROUNDS} rounds")
    for name, measured in seconds.items():
        ratio = statistics.median(m / r for m, r in zip(measured, reference, strict=True))
        print(
            f"{name:<18} {statistics.median(measured):7.3f} s a trial "
            f"({min(measured):.3f} ... {max(measured):.3f}), {ratio:5.1f} x regsearch"
        )


if __name__ == "__main__":
    main()
