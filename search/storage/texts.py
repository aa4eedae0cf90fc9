"""Texts as both databases take them."""


def storable(text: str) -> str:
    """The text without what a database refuses in a text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
