"""The blocks of code that the documents show, and which test runs each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "studies/README.md", "studies/from_keras_tuner.md")
RUN_IN = ("sh", "python", "toml", "yaml")


@dataclass(frozen=True)
class Block:
    """A block of code in a document.

    Args:
        document: Its path in the checkout.
        language: One of `RUN_IN`.
        text: What it shows.
    """

    document: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line, by which tests name it."""
        return self.text.splitlines()[0].split("  ")[0].strip()


def find_blocks() -> list[Block]:
    """Every block of the documents, without the help texts, which are generated."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        text = re.sub(r"<!-- help:start -->.*?<!-- help:end -->", "", text, flags=re.DOTALL)
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        found += [Block(document, language, body) for language, body in blocks if language in RUN_IN]
    return found


BLOCKS = find_blocks()
claimed: dict[str, str] = {}
"""First line of a block to the test that runs it."""


def shown(first: str) -> Block:
    """The block that begins with this line.

    Raises:
        LookupError: There is none, or there are several.
    """
    found = [block for block in BLOCKS if block.first == first]
    if len(found) != 1:
        raise LookupError(f"expected one block that begins with {first!r}, received {len(found)}")
    return found[0]


def runs(*firsts: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say of a test which blocks it runs."""

    def claim(test: Callable[..., None]) -> Callable[..., None]:
        for first in firsts:
            claimed[first] = test.__name__
        return test

    return claim


def commands_of(block: Block) -> list[str]:
    """The commands of a block of shell, without comments."""
    lines = (line.split(" #")[0].strip() for line in block.text.splitlines())
    return [line for line in lines if line]
