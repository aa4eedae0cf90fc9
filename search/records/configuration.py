"""What was chosen: one configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

Setting = float | int | str | tuple[int, ...]
"""What one name of a configuration may be set to; a tuple is a list of layer widths."""


SETTING_TABLES = ("training", "model")
"""Tables of a study file whose keys may be searched as TABLE.KEY."""


def technique_of(name: str) -> str | None:
    """The technique that a name of [space] searches, in whichever layers; None for a setting of another table."""
    table, dot, _ = name.partition(".")
    return None if dot and table in SETTING_TABLES else name.rpartition(".")[2]


class Configuration(Mapping[str, Setting]):
    """What was chosen: technique or setting name to value. A technique that is off is absent.

    Immutable, hashable and ordered by name, so that equal choices are equal objects and print alike.
    """

    __slots__ = ("_settings",)

    def __init__(self, settings: Mapping[str, Setting | list[int]] | None = None) -> None:
        pairs = sorted((settings or {}).items())
        self._settings = {name: tuple(v) if isinstance(v, list) else v for name, v in pairs}

    def __getitem__(self, name: str) -> Setting:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __hash__(self) -> int:
        return hash(tuple(self._settings.items()))

    def __repr__(self) -> str:
        return f"Configuration({self._settings!r})"

    def to_json(self) -> str:
        """The configuration as one line of JSON; `from_json` gives the same configuration back."""
        return json.dumps(self._settings, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """The configuration that `to_json` wrote."""
        return cls(json.loads(text))
