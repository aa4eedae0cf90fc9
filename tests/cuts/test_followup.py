"""What is found out about a choice is kept as a whole or not at all, and its study stays as it was."""

from __future__ import annotations

from search.coordination.launching import run_study
from search.followup.ablation import ablate
from search.followup.again import Trainers
from search.followup.sweep import Values, sweep
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.cuts.contents import contents
from tests.cuts.cutting import Story
from tests.cuts.inline_pool import train_inline
from tests.cuts.test_sessions import INLINE
from tests.followup.fakes import STUDY, Fake


class FollowUp(Story):
    """A path over a coefficient, and what each part of the choice is worth."""

    def begin(self, place):
        train_inline()
        (place.folder / "quick.toml").write_text(STUDY)
        asked = ("study.n_trials=12", "confirm.repeats=2")
        with open_storage(place.url, create=True) as storage:
            run_study(prepare_study(str(place.folder / "quick.toml"), asked), storage, INLINE, train=Fake())

    def happen(self, place):
        trainers = Trainers(INLINE, train=Fake())
        with open_storage(place.url) as storage:
            sweep(storage, "quick", Values("l2", n_points=2), repeats=2, trainers=trainers)
            ablate(storage, "quick", repeats=2, trainers=trainers)

    def standing(self, place):
        """Whether each is known; what the study had before is there."""
        study = contents(place.url)["quick"]
        advice, _, ablation, path = study.pop("analyses")
        return ablation is not None, path is not None, advice is not None, study

    def outcome(self, place):
        return contents(place.url)


def test_what_is_found_out_when_a_process_is_killed_is_found_out_by_the_next(tell):
    told = tell(FollowUp())
    assert len(told.cuts) > 6
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    study = told.before[-1]
    assert study["verdict"] is not None
    assert all(cut.standing[-1] == study for cut in told.cuts)
    assert {cut.standing[:-1] for cut in told.cuts} == {(False, False, True), (False, True, True), (True, True, True)}
