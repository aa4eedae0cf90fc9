"""Opening a database that was made at once."""

from __future__ import annotations

from pathlib import Path

from search.storage import blank_database, open_storage


def test_file_of_a_blank_database_needs_no_tables_made(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "blank.db"
    path.write_bytes(blank_database())
    monkeypatch.setattr("search.storage.schema._create", None)
    with open_storage(f"sqlite:///{path}", create=True) as storage:
        assert storage.studies() == storage.foreign_studies() == []
    assert blank_database() is blank_database()
