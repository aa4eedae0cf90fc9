"""Where the user's cache folder is."""

from __future__ import annotations

import os

import platformdirs

VARIABLE = "REGSEARCH_CACHE"
"""Environment variable: the folder to use in the place of the user's cache folder; empty for none."""


def cache_base() -> str:
    """The folder of all that is kept; empty for none."""
    return os.environ.get(VARIABLE, platformdirs.user_cache_dir("regsearch"))
