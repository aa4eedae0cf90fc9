"""The tutorial's run: two moons, 30 rows train, 2-500-1, 4,000 epochs, scored after each."""

import warnings
from collections.abc import Collection

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from search.spec import TrainingSection
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.jobs import by_fit, by_regsearch, make_job, mlp, moons

LIMITED_BY = (
    "the arithmetic of XLA's kernels: of 26 microseconds an epoch about 13 are the training step, 10 the 70 "
    "validation rows and 2 Adam; dropout adds 5. Python around the program takes 3 ms a run."
)

CASES = {"L2 = 0.001": ({"l2": 1e-3}, 1000), "L2 = 0.001, dropout 0.3": ({"l2": 1e-3, "dropout": 0.3}, 500)}
FULL = {}
QUICK = {"rounds": 3, "n_fit_epochs": 20}
TINY = {"rounds": 1, "n_epochs": 20, "n_fit_epochs": 1, "cases": list(CASES)[:1]}


def measure(
    rounds: int = 5, n_epochs: int = 4000, n_fit_epochs: int = 60, cases: Collection[str] = tuple(CASES)
) -> list[Line]:
    start_tensorflow()
    arrays = moons()
    lines = []
    for work in cases:
        configuration, goal = CASES[work]
        job = make_job(arrays, mlp(2, (500,), 1), configuration, TrainingSection(epochs=n_epochs))
        ours, engine = by_regsearch(job)
        fit, compiled_fit = by_fit(job), by_fit(job, jit_compile=True, steps_per_execution=1)
        counted = f"{n_fit_epochs} of {n_epochs:,} epochs counted"
        peers = {
            "regsearch": (wall_seconds(ours), None, ""),
            "fit": (lambda fit=fit: fit(n_fit_epochs) * n_epochs, goal, counted),
            "fit, jit_compile, steps_per_execution": (
                lambda fit=compiled_fit: fit(n_fit_epochs) * n_epochs,
                None,
                f"{counted}; an epoch is one step, so steps_per_execution is 1",
            ),
        }
        if "dropout" not in configuration:
            sklearn = (wall_seconds(lambda: by_scikit_learn(arrays, n_epochs)), 1, "does not validate")
            peers["scikit-learn's MLPClassifier"] = sklearn
        costs = side_by_side({name: cost for name, (cost, _, _) in peers.items()}, rounds)
        lines += [
            Line("run", f"{work} ({engine})", name, "s a run", costs["regsearch"], costs[name], goal, note)
            for name, (_, goal, note) in peers.items()
            if name != "regsearch"
        ]
    return lines


def by_scikit_learn(arrays, n_epochs):
    net = MLPClassifier(
        (500,), alpha=1e-3, batch_size=30, max_iter=n_epochs, tol=0, n_iter_no_change=n_epochs + 1, random_state=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs are wanted
        net.fit(arrays.train.array, arrays.train.y)
