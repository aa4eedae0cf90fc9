"""`PreparedStudy`: a study that can run, and the runs that it is made of."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.data import Fold, SealedRows, encoded_shape, scores_other_rows
from search.errors import DataError
from search.models import count_products, describe_model
from search.preparation.checks import uncounted_use
from search.preparation.facts import score_constants
from search.preparation.pruning import most_epochs
from search.records import Configuration, Direction, EngineChoice, Purpose, Run, StudyFacts
from search.spec import WIDEST_WINDOW, StudySpec
from search.training import TrainingPlan
from search.tuning.space import SearchSpace


@dataclass(frozen=True)
class PreparedStudy:
    """A study whose file, data and split have been checked against each other.

    Args:
        spec: The study with every default that depends on the data filled in.
        space: What may be chosen.
        plan: What a worker needs to train; it holds no sealed row.
        metric: Name of the score.
        direction: Whether a low or a high score is good.
        data_sha256: Fingerprint of all rows.
        facts: What the data is like.
        n_trials: Trials in all.
        notes: What the user should know about the data and the split, one line each.
        sealed: The rows that no trial sees; looked at once, when the choice is made.
        left_open: Dotted keys that the file does not give, and whose default an earlier version did not know.
    """

    spec: StudySpec
    space: SearchSpace
    plan: TrainingPlan
    metric: str
    direction: Direction
    data_sha256: str
    facts: StudyFacts
    n_trials: int
    notes: tuple[str, ...]
    sealed: SealedRows
    left_open: frozenset[str] = frozenset()

    @property
    def n_rows(self) -> dict[str, int]:
        """Rows by use: `train`, `stop`, `validation` of the first fold, and `test`."""
        return dataclasses.asdict(self.facts.rows)

    @property
    def runs_per_trial(self) -> int:
        """Runs that score one trial: folds times seeds."""
        return len(self.plan.folds) * self.spec.objective.seeds

    @property
    def most_epochs(self) -> int:
        """The most epochs that a run of any configuration may have."""
        return most_epochs(self.spec)

    @property
    def window(self) -> int:
        """Trials that are on their way at once, at most."""
        return self.spec.study.window or WIDEST_WINDOW

    @property
    def most_open_runs(self) -> int:
        """Runs that train at once, at most: those of a trial that may be cut short follow one another."""
        at_once = 1 if self.spec.study.pruner != "none" else self.runs_per_trial
        return self.window * at_once

    def products(self, configuration: Configuration) -> int:
        """Products that the plain model of a configuration takes for one row, to the order of magnitude."""
        dataset, section = self.plan.dataset, self.spec.configured(configuration).model
        shape, n_outputs = encoded_shape(dataset), dataset.n_outputs
        plain = describe_model(
            section,
            shape,
            n_outputs,
            dataset.task,
            self.plan.saved,
            inputs=dataset.inputs,
            outputs=dataset.named_outputs,
        )
        return count_products(plain)

    def runs(self, trial: int, configuration: Configuration) -> list[Run]:
        """The runs that score a trial of the search; equal for all configurations but for the configuration."""
        pairs = itertools.product(self.plan.folds, range(self.spec.objective.seeds))
        return [self.run(trial, fold.number, repeat, configuration) for fold, repeat in pairs]

    @property
    def scores_other_rows(self) -> bool:
        """Whether a confirmation scores other rows than the search, run by run."""
        return scores_other_rows(self.plan.dataset, self.spec.split)

    def confirmation_runs(
        self, trial: int, configuration: Configuration, repeat: int, purpose: Purpose = Purpose.CONFIRMATION
    ) -> list[Run]:
        """The runs that score a configuration once more, on divisions and with seeds that a repeat has of its own.

        Args:
            trial: Its trial; or, for `Purpose.PARTS`, what tells it from others.
            configuration: The configuration.
            repeat: Which repeat, from 0.
            purpose: Those of both purposes are the same divisions and seeds, so that differences are paired.
        """
        first = repeat * len(self.plan.folds)
        pairs = itertools.product(range(first, first + len(self.plan.folds)), range(self.spec.objective.seeds))
        return [self.run(trial, fold, seed, configuration, purpose) for fold, seed in pairs]

    def is_drawn(self, repeat: int) -> bool:
        """Whether a confirmation may have that repeat: groups may leave a part without a class, and draws a part of
        which no row counts.
        """
        try:
            folds = self.plan.redrawn(repeat)
        except DataError:
            return False
        return not any(uncounted_use(self.spec, self.plan.dataset, fold) for fold in folds)

    def constant_scores(self, folds: Sequence[Fold]) -> tuple[float, ...]:
        """What it scores on folds of the development rows to predict the same for every row.

        Raises:
            StudyFileError: The user's own metric cannot score.
        """
        return score_constants(self.spec, self.plan.dataset, folds, self.plan.scoring, "[objective] metric")

    def run(
        self,
        trial: int,
        fold: int,
        repeat: int,
        configuration: Configuration,
        purpose: Purpose = Purpose.SEARCH,
        engine: EngineChoice | None = None,
    ) -> Run:
        """One run of this study, with the seed that its purpose, fold and repeat have."""
        seed = run_seed(self.spec.study.seed, fold, repeat, purpose)
        return Run(trial, fold, repeat, seed, configuration, engine, purpose)


_SEEDS_OF = {Purpose.SEARCH: 102, Purpose.REFIT: 102, Purpose.CONFIRMATION: 104, Purpose.PARTS: 104}
"""What runs of a purpose draw from the study's seed; a refit is the search's first run again, with all rows.

`search.tuning.samplers` and `search.data.splits` have other numbers, so that no two of them meet.
"""


def run_seed(study_seed: int, fold: int, repeat: int, purpose: Purpose = Purpose.SEARCH) -> int:
    """The seed of a run, in [0, 2**31): the same for every configuration, so that differences are paired."""
    return int(np.random.SeedSequence((study_seed, _SEEDS_OF[purpose], fold, repeat)).generate_state(1)[0]) >> 1
