"""What follows a search is kept: its verdict, and every look at its sealed rows. On SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import pytest

from search.errors import PermanentStorageError
from search.records import Look, StoredVerdict, StudyRecord
from search.storage import Storage, open_storage

_SHA256 = "cd" * 32


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def test_verdict_takes_the_place_of_the_one_before(
    storage: Storage, study: StudyRecord, create_study: Callable[..., StudyRecord]
) -> None:
    other = create_study(storage, "other")
    assert storage.verdict(study.study_id) is None
    storage.keep_verdict(study.study_id, {"outcome": "no gain"}, 40)
    storage.keep_verdict(other.study_id, {"outcome": "nothing to learn"}, 10)
    before = _now()
    verdict: dict[str, Any] = {"outcome": "helps", "gain": [0.1, None, "é\0"], "interval": {"low": 1e-300}}
    storage.keep_verdict(study.study_id, verdict, 60)
    stored = storage.verdict(study.study_id)
    assert stored is not None
    assert stored == StoredVerdict(verdict, 60, stored.decided)
    assert before <= stored.decided <= _now()
    kept = storage.verdict(other.study_id)
    assert kept is not None
    assert (kept.verdict, kept.n_trials) == ({"outcome": "nothing to learn"}, 10)


def test_number_that_is_not_finite_leaves_the_verdict_of_before(storage: Storage, study: StudyRecord) -> None:
    storage.keep_verdict(study.study_id, {"gain": 0.5}, 40)
    before = storage.verdict(study.study_id)
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        storage.keep_verdict(study.study_id, {"gain": math.nan}, 60)
    assert storage.verdict(study.study_id) == before


def test_look_is_on_record_before_its_result_is_known(
    storage_url: str, storage: Storage, study: StudyRecord, create_study: Callable[..., StudyRecord]
) -> None:
    assert storage.looks(study.study_id) == []
    before = _now()
    first = storage.begin_look(study.study_id, "regsearch evaluate moons", _SHA256, 40)
    with open_storage(storage_url) as elsewhere:
        (look,) = elsewhere.looks(study.study_id)
    assert look == Look(first, look.at, "regsearch evaluate moons", _SHA256, 40, None)
    assert before <= look.at <= _now()
    second = storage.begin_look(study.study_id, "search.tune", "ef" * 32, 60)
    foreign = storage.begin_look(create_study(storage, "other").study_id, "other", _SHA256, 1)
    storage.end_look(second, {"score": 0.25, "rows": 30})
    assert [(look.look_id, look.command, look.result) for look in storage.looks(study.study_id)] == [
        (first, "regsearch evaluate moons", None),
        (second, "search.tune", {"score": 0.25, "rows": 30}),
    ]
    assert len({first, second, foreign}) == 3


def test_look_ends_once(storage: Storage, study: StudyRecord) -> None:
    look = storage.begin_look(study.study_id, "evaluate", _SHA256, 40)
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        storage.end_look(look, {"score": math.inf})
    storage.end_look(look, {"score": 0.25})
    for key in (look, look + 1):
        with pytest.raises(PermanentStorageError) as caught:
            storage.end_look(key, {"score": 0.125})
        assert str(caught.value) == (
            f"storage {storage.url_shown}: expected look {key} to have begun and not to have ended, "
            "received another one."
        )
    assert [told.result for told in storage.looks(study.study_id)] == [{"score": 0.25}]


def test_what_a_database_refuses_in_a_text_does_not_keep_a_look_off_record(
    storage: Storage, study: StudyRecord
) -> None:
    storage.begin_look(study.study_id, "evaluate \0 \ud800 é", _SHA256, 40)
    assert storage.looks(study.study_id)[0].command == "evaluate \N{REPLACEMENT CHARACTER} ? é"


@pytest.mark.parametrize(
    "write",
    [
        lambda storage: storage.keep_verdict(99, {}, 1),
        lambda storage: storage.begin_look(99, "evaluate", _SHA256, 1),
    ],
    ids=["verdict", "look"],
)
def test_study_that_was_deleted_gets_neither(storage: Storage, write: Callable[[Storage], object]) -> None:
    with pytest.raises(PermanentStorageError) as caught:
        write(storage)
    assert str(caught.value) == (
        f"storage {storage.url_shown}: study 99: expected the study to exist, received that it was deleted. "
        "Another program wrote to this study; only its coordinator may."
    )
    assert (storage.verdict(99), storage.looks(99)) == (None, [])


def test_analysis_takes_the_place_of_the_one_of_its_kind_and_key(
    storage: Storage, study: StudyRecord, create_study: Callable[..., StudyRecord]
) -> None:
    other = create_study(storage, "other")
    assert storage.analysis(study.study_id, "ablation") is None
    storage.keep_analysis(study.study_id, "ablation", "", {"worth": 0.5})
    storage.keep_analysis(study.study_id, "sweep", "l2", {"points": []})
    storage.keep_analysis(other.study_id, "ablation", "", {"worth": 2.0})
    before = _now()
    document: dict[str, Any] = {"worth": [0.25, None], "names": "é\0"}
    storage.keep_analysis(study.study_id, "ablation", "", document)
    stored = storage.analysis(study.study_id, "ablation")
    assert stored is not None
    assert (stored.document, before <= stored.at <= _now()) == (document, True)
    assert storage.analysis(study.study_id, "sweep") is None
    for study_id, kind, key, kept in (
        (study.study_id, "sweep", "l2", {"points": []}),
        (other.study_id, "ablation", "", {"worth": 2.0}),
    ):
        found = storage.analysis(study_id, kind, key)
        assert found is not None
        assert found.document == kept


def test_analysis_with_a_number_that_is_not_finite_leaves_the_one_of_before(
    storage: Storage, study: StudyRecord
) -> None:
    storage.keep_analysis(study.study_id, "ablation", "", {"worth": 0.5})
    before = storage.analysis(study.study_id, "ablation")
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        storage.keep_analysis(study.study_id, "ablation", "", {"worth": math.nan})
    assert storage.analysis(study.study_id, "ablation") == before


def test_analysis_of_a_study_that_is_gone_is_refused(storage: Storage, study: StudyRecord) -> None:
    with pytest.raises(PermanentStorageError, match="expected the study to exist, received that it was deleted"):
        storage.keep_analysis(study.study_id + 1, "ablation", "", {})
