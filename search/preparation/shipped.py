"""The studies that come with regsearch, found without reading them: a shell completes their names."""

from __future__ import annotations

from pathlib import Path


def shipped_studies() -> dict[str, Path]:
    """Name to file of every study that comes with regsearch.

    An editable install does not see hatchling's `force-include`, so a checkout's `studies/` beside the
    package comes first, the copy inside the installed package second.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parent / "studies", package / "_studies"):
        files = sorted(folder.glob("*.toml"))
        if files:
            return {file.stem: file for file in files}
    return {}
