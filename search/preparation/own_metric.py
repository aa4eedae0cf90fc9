"""The user's own metric: its file is read, and it is tried on the constant guess, in a child process."""

from __future__ import annotations

import subprocess
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search.data.sources.child import call_child
from search.data.sources.raw import find_code
from search.errors import DataError, Problem, StudyFileError
from search.preparation import _guess_scores
from search.spec import ObjectiveSection, is_function
from search.training import OwnMetric


@dataclass(frozen=True, eq=False)
class Guess:
    """A prediction that is the same for every row, and the rows that it is held against.

    Args:
        constant: As `Metric.constant` gives it.
        target: As `Metric.score` takes it.
        weight: How much each row counts; None when all count alike.
    """

    constant: npt.NDArray[np.float64]
    target: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    weight: npt.NDArray[np.float32] | None

    @property
    def predicted(self) -> npt.NDArray[np.float64]:
        """The prediction for each row, as `Metric.score` takes it."""
        return np.broadcast_to(self.constant, (len(self.target), *np.shape(self.constant)))


def read_own_metric(objective: ObjectiveSection, folder: Path, place: str) -> OwnMetric | None:
    """The metric of a study whose [objective] names a function; None of another.

    Args:
        objective: [objective] of the study file.
        folder: The folder to which its paths are relative.
        place: Where the metric is named, for errors.

    Raises:
        DataError: There is no such file.
        StudyFileError: It is no Python, or the direction is not told.
    """
    if not isinstance(objective.metric, str) or not is_function(objective.metric):
        return None
    if objective.direction is None:
        raise StudyFileError(Problem(place, f'expected a direction beside "{objective.metric}", received none'))
    name, _, _ = objective.metric.rpartition(":")
    path = find_code(name, folder, place, key="metric")
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise StudyFileError(Problem(place, f'expected Python in "{name}", received {error}')) from error
    except OSError as error:
        raise StudyFileError(Problem(place, f'expected a file to read, received "{name}": {error.strerror}')) from error
    return OwnMetric(objective.metric, objective.direction, text)


def score_guesses(metric: OwnMetric, guesses: Sequence[Guess], place: str, timeout_seconds: float) -> tuple[float, ...]:
    """What guesses score. The function is called in a child process, for its file may import anything.

    Args:
        metric: The user's own metric.
        guesses: What it is to score.
        place: Where the metric is named, for errors.
        timeout_seconds: How long the child may take; then it is killed with all that it started.

    Raises:
        StudyFileError: The function cannot score: it is not there, fails, takes too long or returns no finite number.
    """
    request = {
        "kind": "function",
        "file": _guess_scores.__file__,
        "shown": metric.file,
        "function": _guess_scores.answer.__name__,
        "options": {"metric": metric, "guesses": [(each.target, each.predicted, each.weight) for each in guesses]},
        # Workers on this machine run it here, too.
        "folder": str(Path.cwd()),
    }
    try:
        scores, problem = map(np.asarray, call_child(request, place, timeout_seconds))
    except DataError as error:
        if isinstance(error.__cause__, subprocess.TimeoutExpired):
            message = f"expected scores of {metric.name} within {timeout_seconds:g} s, received none"
            remedy = "Raise data.timeout_seconds if it needs more time."
            raise StudyFileError(Problem(place, message, remedy)) from error
        message = f"expected scores of {metric.name}, received the end of the process that it ran in"
        raise StudyFileError(Problem(place, message, f"It said: {error.problems[0].message}.")) from error
    if len(problem):
        raise StudyFileError(Problem(*map(str, problem)))
    return tuple(float(score) for score in scores)
