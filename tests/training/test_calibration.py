"""An engine's time is that of its work, also where its process waits for a processor."""

import pytest

from search.training.engines import _calibration
from search.training.engines._calibration import calibrated


class Machine:
    """A clock of work, and epochs that take `work` seconds of it; each call waits for a processor before it begins."""

    def __init__(self, work, wait):
        self.work, self.wait = work, wait
        self.worked = 0.0
        self.asked = []

    def process_time(self):
        return self.worked

    def train(self, n_epochs):
        self.asked.append(n_epochs)
        self.worked += self.work * n_epochs
        return self.work + self.wait / n_epochs


@pytest.mark.parametrize(
    ("work", "wait", "asked"),
    [
        (0.2, 0.0, [1]),  # a large net on an idle machine: one epoch tells
        (1e-4, 0.0, [1, 4, 16, 64, 256, 1024]),
        (1e-4, 0.06, [1, 4, 16, 64, 256, 1024]),  # the first call took 60 ms, and did nothing in it
        (0.0, 2.0, [1]),  # somebody else works, a GPU
    ],
)
def test_waiting_is_not_taken_for_work(work, wait, asked, monkeypatch):
    machine = Machine(work, wait)
    monkeypatch.setattr(_calibration.time, "process_time", machine.process_time)
    seconds = calibrated(machine.train)
    assert machine.asked == asked
    assert seconds == pytest.approx(work + wait / asked[-1])
