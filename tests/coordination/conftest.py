"""Workers that are threads of this process: runs that cost nothing need no others."""

import pytest
from distributed import LocalCluster

from search.coordination.launching import Launch


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(
        n_workers=1, threads_per_worker=4, processes=False, dashboard_address=":0", protocol="inproc://"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def launch(scheduler):
    return Launch(scheduler=scheduler)
