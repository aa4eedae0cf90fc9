"""A first look: the baseline is trained once, for some seconds, before a search that would take longer."""

from __future__ import annotations

import time

from search.errors import StudyFailedError
from search.preparation.study import PreparedStudy
from search.records import FailureCause, RunReport
from search.selection.first_look import FirstLook
from search.training import WorkerSession

SECONDS = 10.0
"""How long it trains; compilation comes on top."""


def take_first_look(prepared: PreparedStudy, seconds: float = SECONDS) -> FirstLook:
    """Train the first run of the baseline in this process, until its epochs or the time are over.

    Args:
        prepared: A study.
        seconds: How long it may train.

    Raises:
        StudyFailedError: The run fails for another reason than numbers that are not finite.
    """
    baseline = prepared.space.configuration(prepared.space.baseline())
    run, session = prepared.runs(0, baseline)[0], WorkerSession()
    session.calibrate(prepared.plan, run)  # so that it is not part of the time
    began = time.monotonic()

    def is_in_time(report: RunReport) -> bool:
        return time.monotonic() - began < seconds

    result = session.train(prepared.plan, run, is_in_time)
    if result.cause not in (None, FailureCause.DIVERGED, FailureCause.WITHDRAWN):
        raise StudyFailedError(f"{prepared.spec.study.name}: expected a baseline that trains, received {result.error}")
    training, losses = prepared.spec.configured(baseline).training, prepared.facts.constant_losses
    return FirstLook(
        result.curve,
        training.all_epochs,
        training.learning_rate,
        losses[0] if losses else None,
        result.epochs_trained if result.cause is FailureCause.DIVERGED else None,
        result.seconds,
        stopped=result.cause is FailureCause.WITHDRAWN,
    )
