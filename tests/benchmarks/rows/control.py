"""What a trial costs the process that asks, tells and writes, when training costs nothing; databases on disk."""

import tempfile
import time

import numpy as np
import optuna

from search.records import Curve, RunResult
from tests.benchmarks.comparison import Cost, Line, side_by_side
from tests.benchmarks.studies import run_here, study_text

LIMITED_BY = "TPE (2.7 ms), SQLite (1.3 ms), Dask's scheduler and client (about 1.5 ms)."

FULL = {}
QUICK = {"rounds": 1, "n_trials": 200}
TINY = {"rounds": 1, "n_trials": 4}

N_EPOCHS = 4000


def measure(rounds: int = 3, n_trials: int = 1000) -> list[Line]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    text = study_text(n_trials, N_EPOCHS, engine="fit")  # "auto" would train to choose
    peers = {
        "score alone": processor_milliseconds(lambda: run_here(text, n_jobs=1, train=score), n_trials),
        f"score and curves of {N_EPOCHS:,} epochs": processor_milliseconds(
            lambda: run_here(text, n_jobs=1, train=score_and_curves), n_trials
        ),
        "Optuna": processor_milliseconds(lambda: by_optuna(n_trials), n_trials),
    }
    run_here(study_text(2, N_EPOCHS, engine="fit"), n_jobs=1, train=score)  # imports
    costs = side_by_side(peers, rounds, warm=False)
    peer = "study.optimize, RDBStorage on SQLite"
    unit = "ms of CPU a trial"
    return [
        Line("control", f"{n_trials:,} trials, 3 parameters, TPE, {work}", peer, unit, ours, costs["Optuna"], 3)
        for work, ours in costs.items()
        if work != "Optuna"
    ]


def processor_milliseconds(work, n_trials: int) -> Cost:
    """CPU time of this process, all threads, start of the workers included and the workers' own left out, a trial."""

    def cost() -> float:
        started = time.process_time()
        work()
        return (time.process_time() - started) * 1e3 / n_trials

    return cost


def score(plan, run, report):
    return RunResult(run, loss_of(run.configuration), epochs_trained=N_EPOCHS, best_epoch=N_EPOCHS)


def score_and_curves(plan, run, report):
    loss = loss_of(run.configuration)
    values = loss + np.random.default_rng(run.trial).random((3, N_EPOCHS), dtype=np.float32)
    return RunResult(run, loss, curve=Curve(*values), epochs_trained=N_EPOCHS, best_epoch=N_EPOCHS)


def loss_of(configuration):
    return (configuration.get("dropout", 0.0) - 0.3) ** 2 + configuration.get("l2", 0.0)


def by_optuna(n_trials):
    def objective(trial):
        configuration = {
            "l2": trial.suggest_float("l2", 1e-6, 1e-1, log=True),
            "dropout": trial.suggest_float("dropout", 0.05, 0.6),
            "training.learning_rate": trial.suggest_float("training.learning_rate", 5e-4, 2e-3, log=True),
        }
        return loss_of(configuration)

    with tempfile.TemporaryDirectory() as folder:
        sampler = optuna.samplers.TPESampler(seed=1)
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
        optuna.create_study(storage=storage, sampler=sampler).optimize(objective, n_trials=n_trials)
        storage.engine.dispose()
