"""What the display of a run says."""

import math

import pytest

from search.cli._progress import report_words
from search.preparation.files import prepare_study
from search.records import Configuration, Run, RunReport


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ((0.9, 0.5), "trial 3, fold 1: epoch 2 of 4000, log_loss 0.5"),
        ((math.nan, math.nan), "trial 3, fold 1: epoch 2 of 4000"),  # a function of the user's, inside a program
    ],
)
def test_long_run_tells_how_far_it_is(metric, words):
    report = RunReport(Run(3, 1, 0, 5, Configuration()), 1, metric)
    assert report_words(report, prepare_study("moons")) == words
