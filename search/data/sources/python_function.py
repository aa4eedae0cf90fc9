"""`FILE.py:function`: the user's own function, called in a child process that may import anything."""

from __future__ import annotations

from pathlib import Path

from search.data.sources.child import call_child
from search.data.sources.raw import RawData, find_file, to_rows
from search.spec import SourceForm
from search.spec.sections import DataSection, is_function
from search.spec.wording import show


def _hint(text: str) -> str:
    return f"Name its function, as in {show(text + ':load')}." if text.lower().endswith(".py") else ""


FORM = SourceForm(form="FILE.py:function", matches=is_function, options_of="a file", hint=_hint)


def read_rows(section: DataSection, folder: Path, place: str) -> RawData:
    """Call `function(**options)`, which returns (x, y): arrays, lists, or a DataFrame and a Series.

    Modules beside the file can be imported by it; the working directory is the study file's folder.

    Raises:
        DataError: File or function is missing, the function fails or takes too long, or it returns something else.
    """
    name, _, function = section.source.rpartition(":")
    path = find_file(name, folder, place, key="source")
    request = {
        "kind": "function",
        "file": str(path.resolve()),
        "shown": name,
        "function": function,
        "options": section.options,
        "folder": str(folder),
    }
    x, y = call_child(request, place, section.timeout_seconds)
    return to_rows(x, y, place)
