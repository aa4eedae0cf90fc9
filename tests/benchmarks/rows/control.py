"""What a trial costs the process that asks, tells and writes, when training costs nothing; databases on disk."""

import tempfile
import time
import warnings

import numpy as np
import optuna

from search.records import Curve, RunResult, TrialState
from search.tuning.history import History
from tests.benchmarks.comparison import Cost, Line, side_by_side
from tests.benchmarks.studies import prepared, run_here, study_text

LIMITED_BY = (
    "TPE: its asking and telling alone is 2.7 of the 7 ms, SQLite 1.3 ms, Dask's scheduler and client about 1.5 ms a "
    "trip; where a pruner judges between runs, each run is a trip. None of it grows with the number of trials."
)

FULL = {}
QUICK = {"rounds": 1, "n_trials": 200, "n_many": 1000}
TINY = {"rounds": 1, "n_trials": 4, "n_many": 8, "n_jobs": 0}

N_EPOCHS = 4000
N_FOLDS = 5
UNIT = "ms of CPU a trial"
PRUNERS = {
    "hyperband": lambda: optuna.pruners.HyperbandPruner(max_resource=N_FOLDS * N_EPOCHS),
    "wilcoxon": optuna.pruners.WilcoxonPruner,
}


def measure(rounds: int = 3, n_trials: int = 1000, n_many: int = 10_000, n_jobs: int = 1) -> list[Line]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    text = study_text(n_trials, N_EPOCHS, engine="fit")  # "auto" would train to choose
    peers = {
        "score alone": processor_milliseconds(lambda: run_here(text, n_jobs, train=score), n_trials),
        f"score and curves of {N_EPOCHS:,} epochs": processor_milliseconds(
            lambda: run_here(text, n_jobs, train=score_and_curves), n_trials
        ),
        "Optuna": processor_milliseconds(lambda: by_optuna(n_trials), n_trials),
        "asking": processor_milliseconds(lambda: ask_and_tell(text, n_trials), n_trials),
    }
    run_here(study_text(2, N_EPOCHS, engine="fit"), n_jobs, train=score)  # imports
    costs = side_by_side(peers, rounds, warm=False)
    theirs, alone = costs.pop("Optuna"), costs.pop("asking")
    peer = "study.optimize, RDBStorage on SQLite"
    lines = [
        Line("control", f"{n_trials:,} trials, 3 parameters, TPE, {work}", peer, UNIT, ours, theirs, 3)
        for work, ours in costs.items()
    ]
    work = f"{n_trials:,} trials, 3 parameters, TPE, score alone"
    lines.append(Line("control", work, "asking and telling alone", UNIT, costs["score alone"], alone))
    # Once: a round takes five minutes, and the ratio asked for is that of some trials to ten times as many.
    return [*lines, *(line for pruner in PRUNERS for line in pruned(pruner, 1, n_trials, n_many, n_jobs))]


def pruned(pruner: str, rounds: int, n_trials: int, n_many: int, n_jobs: int) -> list[Line]:
    """Trials of five folds, judged after each."""
    folds = f'{{ method = "kfold", folds = {N_FOLDS} }}'

    def ours(n: int) -> Cost:
        text = study_text(n, N_EPOCHS, folds, engine="fit", sampler="random", pruner=pruner)
        return processor_milliseconds(lambda: run_here(text, n_jobs, train=score), n)

    n_counted = max(1, n_trials // 4)
    peers = {
        "some": ours(n_trials),
        "many": ours(n_many),
        "Optuna": processor_milliseconds(lambda: by_optuna(n_counted, pruner), n_counted),
    }
    costs = side_by_side(peers, rounds, warm=False)
    few, many = (f"{n:,} trials of {N_FOLDS} runs, random, {pruner}" for n in (n_trials, n_many))
    peer, counted = f"study.optimize, RDBStorage on SQLite, {pruner}", f"peer: {n_counted:,} trials"
    return [
        Line("control", few, peer, UNIT, costs["some"], costs["Optuna"], 3, counted),
        Line("control", many, f"{n_trials:,} trials", UNIT, costs["many"], costs["some"], 0.9),
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


def by_optuna(n_trials, pruner=None):
    def objective(trial):
        configuration = {
            "l2": trial.suggest_float("l2", 1e-6, 1e-1, log=True),
            "dropout": trial.suggest_float("dropout", 0.05, 0.6),
            "training.learning_rate": trial.suggest_float("training.learning_rate", 5e-4, 2e-3, log=True),
        }
        for fold in range(N_FOLDS if pruner else 0):
            trial.report(loss_of(configuration), fold if pruner == "wilcoxon" else (fold + 1) * N_EPOCHS)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss_of(configuration)

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.RandomSampler(seed=1) if pruner else optuna.samplers.TPESampler(seed=1)
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
        study = optuna.create_study(storage=storage, sampler=sampler, pruner=PRUNERS[pruner]() if pruner else None)
        study.optimize(objective, n_trials=n_trials)
        storage.engine.dispose()


def ask_and_tell(text, n_trials):
    """What the sampler takes, in memory and with nothing to be written or sent."""
    study = prepared(text)
    history = History(study.space, "tpe", 1, "minimize")
    for number in range(n_trials):
        values = history.ask()
        if number >= study.spec.study.window - 1:
            history.tell(TrialState.COMPLETE, (values["dropout"] or 0.0) if "dropout" in values else 0.5)
