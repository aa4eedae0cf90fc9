"""What Optuna's own programs show of a study: the metric's name, and a note that is never somebody else's."""

from __future__ import annotations

from typing import Any

import optuna
import optuna_dashboard
from optuna.storages import RDBStorage

from search.records import StudyRecord
from search.storage import Storage, display


def _loaded(plain_optuna: RDBStorage) -> Any:
    return optuna.load_study(study_name="moons", storage=plain_optuna)


def test_optuna_knows_the_metric_s_name(plain_optuna: RDBStorage, storage: Storage, study: StudyRecord) -> None:
    assert _loaded(plain_optuna).metric_names == ["log_loss"]


def test_a_study_without_one_gets_it_and_another_name_stays(
    plain_optuna: RDBStorage, storage: Storage, study: StudyRecord
) -> None:
    foreign = optuna.create_study(study_name="old", storage=plain_optuna)
    assert foreign.metric_names is None
    storage.show_metric(foreign._study_id, "mse")
    storage.show_metric(foreign._study_id, "another")
    assert optuna.load_study(study_name="old", storage=plain_optuna).metric_names == ["mse"]


def test_a_note_is_optuna_dashboards(plain_optuna: RDBStorage, storage: Storage, study: StudyRecord) -> None:
    long = "ä" * 5000
    for text in ("short", long, "short again", "short again"):
        storage.show_note(study.study_id, text)
        assert optuna_dashboard.get_note(_loaded(plain_optuna)) == text
    assert storage.system_attributes(study.study_id)[display.NOTE_VERSION] == 3


def test_a_note_of_somebody_else_stays(plain_optuna: RDBStorage, storage: Storage, study: StudyRecord) -> None:
    storage.show_note(study.study_id, "ours")
    optuna_dashboard.save_note(_loaded(plain_optuna), "theirs")
    storage.show_note(study.study_id, "ours, renewed")
    known = storage.system_attributes(study.study_id)
    assert (display.read_note(known), display.is_note_ours(known)) == ("theirs", False)
    optuna_dashboard.save_note(_loaded(plain_optuna), "")
    storage.show_note(study.study_id, "ours again")
    assert optuna_dashboard.get_note(_loaded(plain_optuna)) == "ours again"
    optuna_dashboard.save_note(_loaded(plain_optuna), "theirs for good")
    storage.show_note(study.study_id, "ours at last")
    assert optuna_dashboard.get_note(_loaded(plain_optuna)) == "theirs for good"


def test_a_note_that_was_there_first_stays(plain_optuna: RDBStorage, storage: Storage, study: StudyRecord) -> None:
    optuna_dashboard.save_note(_loaded(plain_optuna), "theirs")
    storage.show_note(study.study_id, "ours")
    assert optuna_dashboard.get_note(_loaded(plain_optuna)) == "theirs"
