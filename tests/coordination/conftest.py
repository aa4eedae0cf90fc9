"""Workers that are threads of this process: runs that cost nothing need no others."""

import pytest
from distributed import LocalCluster

from search.coordination.launching import Launch
from search.coordination.progress import SilentObserver


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(
        n_workers=1, threads_per_worker=4, processes=False, dashboard_address=":0", protocol="inproc://"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def launch(scheduler):
    return Launch(scheduler=scheduler)


class _CrashAfter(SilentObserver):
    def __init__(self, n_results):
        self.left = n_results

    def run_ended(self, result):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def crash_after():
    """A function that makes an observer, which ends the coordinator after so many results, as a signal would."""
    return _CrashAfter
