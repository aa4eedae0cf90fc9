"""An LSTM on scikit-learn's digits, line by line, in a process whose loops XLA compiles as it does by itself."""

from dataclasses import replace

from search.training import keep_small_loops_apart
from tests.benchmarks.comparison import Line
from tests.benchmarks.rows import digits

LIMITED_BY = "8 small products one after the other and their activations; unrolling gained a tenth."

FULL = {}
QUICK = digits.QUICK
TINY = {"rounds": 1, "n_epochs": 1, "n_fit_epochs": 1, "as_a_worker": False}


def measure(rounds: int = 5, n_epochs: int = 30, n_fit_epochs: int = 6, *, as_a_worker: bool = True) -> list[Line]:
    if as_a_worker:
        keep_small_loops_apart()  # for the rest of the process
    lines = digits.measure(rounds, n_epochs, n_fit_epochs, ("LSTM",))
    return [replace(line, row="lstm") for line in lines]
