"""Advice is looked up, given and kept at the end of a study, and once more when its parts are known."""

from dataclasses import replace

import numpy as np
import pytest

from search.coordination.launching import Launch, run_study
from search.followup.ablation import ablate
from search.followup.again import Trainers
from search.preparation.files import prepare_study
from search.records import Curve
from search.reporting.summaries import summarize_best
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


class Underfitting(Fake):
    """The rows that train are not learned by heart, and others are no worse."""

    def __call__(self, plan, run, report):
        result = super().__call__(plan, run, report)
        return replace(result, curve=Curve((0.8, 0.55), (0.8, 0.56), (0.8, 0.6)))


class PatienceAlone(Fake):
    """Nothing but patience helps; the others are on all the same, for they do no harm that would be seen."""

    def __call__(self, plan, run, report):
        result = super().__call__(plan, run, report)
        settings = run.configuration
        score = 0.6 - 0.2 * ("patience" in settings) - 1e-9 * len(settings)
        luck = 0.001 * np.random.default_rng([run.seed, *sorted(map(len, settings))]).normal()
        return replace(result, score=float(score + luck), predictions=None)


@pytest.fixture
def best_of(tmp_path):
    """A function: what `best` tells of a study that a fake trains; and of its parts, where these are asked for."""

    def run(fake, study=STUDY, *, parts=False):
        (tmp_path / "quick.toml").write_text(study)
        with open_storage(f"sqlite:///{tmp_path / 'quick.db'}", create=True) as storage:
            run_study(prepare_study(str(tmp_path / "quick.toml")), storage, Launch(0), train=fake)
            before = summarize_best(storage, "quick").advice
            if parts:
                ablate(storage, "quick", trainers=Trainers(Launch(0), train=fake))
                return before, summarize_best(storage, "quick").advice
            return before

    return run


def test_training_that_is_far_from_perfect_is_told(best_of):
    (told,) = [words for words in best_of(Underfitting()) if words.startswith("Overfitting is not the problem")]
    assert "the loss is 0.55 on the very rows that train, 0.56 on others, and 0.69" in told


def test_equal_rows_are_told(best_of, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    np.savez(tmp_path / "rows.npz", x=np.concatenate([x, x]), y=np.tile(np.arange(30) % 2, 2))
    study = STUDY.replace('source = "sklearn.make_moons"', 'source = "npz"\npath = "rows.npz"')
    study = study.replace("options = { n_samples = 60, noise = 0.2, random_state = 1 }", "")
    (told,) = [words for words in best_of(Fake(), study) if words.startswith("Equal in features and target")]
    assert told.endswith("that keeps them together.")


def test_parts_of_a_choice_change_its_advice(best_of):
    before, after = best_of(PatienceAlone(), parts=True)
    assert not any(words.startswith("Patience does all the work") for words in before)
    assert any(words.startswith("Patience does all the work: without ") for words in after)


def test_study_whose_rows_and_losses_are_as_they_should_be_hears_nothing_of_them(best_of):
    told = best_of(Fake())
    assert not [words for words in told if words.startswith(("Overfitting", "Equal", "Patience"))]
