"""The choice of a study as a file: each format is one file, one line in `EXPORTS`, and nothing else.

| module | what lives there |
|---|---|
| `chosen` | what is exported, gathered from the storage |
| `_base` | `Export`: what a format tells and does |
| `study_file` | the choice as a study file |
| `script` | what the Python export does with raw rows |
| `card` | a model card beside an export |
| `folder` | everything in one folder, with checksums |
| `writing` | files and folders are written whole or not at all |
| all others | one format each |
"""

from __future__ import annotations

from collections.abc import Mapping

from search.reporting.exports._base import Export, FileExport, TextExport
from search.reporting.exports._json import JsonExport
from search.reporting.exports._keras import KerasExport
from search.reporting.exports._python import PythonExport
from search.reporting.exports._toml import TomlExport
from search.reporting.exports._yaml import YamlExport
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.reporting.exports.writing import check_place, write_export

_ALL: tuple[Export, ...] = (
    TomlExport(),
    JsonExport(),
    YamlExport(),
    PythonExport(),
    KerasExport(),
)

EXPORTS: Mapping[str, Export] = {export.name: export for export in _ALL}
"""Every format by its name in `--format`, in the order in which they are listed."""

__all__ = ["EXPORTS", "Chosen", "Export", "FileExport", "TextExport", "check_place", "gather_chosen", "write_export"]
