"""`FILE.py:function`: the user's own function, called in a child process that may import anything."""

from __future__ import annotations

from typing import Any

from search.data.sources.child import call_child
from search.data.sources.frame_sheet import CHOOSING, read_frame
from search.data.sources.raw import RawData, SourceRequest, find_code, to_rows
from search.data.stored_rows import RowsFile, Written, as_features, most_bytes_in_memory
from search.spec import SourceForm
from search.spec.sections import is_function
from search.spec.wording import show


def _hint(text: str) -> str:
    return f"Name its function, as in {show(text + ':load')}." if text.lower().endswith(".py") else ""


FORM = SourceForm(form="FILE.py:function", matches=is_function, takes=CHOOSING, options_of="a file", hint=_hint)


def read_rows(request: SourceRequest) -> RawData:
    """Call `function(**options)`, which returns (x, y): arrays, lists, or a DataFrame and a Series.

    Modules beside the file can be imported by it; the working directory is the study file's folder.

    Raises:
        DataError: File or function is missing, the function fails or takes too long, or it returns something else.
    """
    section, folder, place = request.section, request.folder, request.place
    name, _, function = section.source.rpartition(":")
    path = find_code(name, folder, place, key="source")
    asked: dict[str, Any] = {
        "kind": "function",
        "file": str(path.resolve()),
        "shown": name,
        "function": function,
        "options": section.options,
        "folder": str(folder),
    }
    room = RowsFile()
    asked |= {"most_bytes": most_bytes_in_memory(section.memory_gib), "rows_file": str(room.path)}
    x, y = call_child(asked, place, section.timeout_seconds)
    rows = to_rows(as_features(room.stored(x)) if isinstance(x, Written) else x, y, request)
    return read_frame(rows, request)
