"""How many pixels a picture has, as its first bytes say: it is unpacked only when that is known."""

from __future__ import annotations

import struct

MOST_PIXELS = 2**27
"""Of one picture: more than cameras make, and half a gigabyte in color."""

_OTHERS = (0xC4, 0xC8, 0xCC)  # among JPEG's frames: tables, and one that nobody uses


def count_pixels(content: bytes) -> int:
    """Width times height of a PNG, GIF, BMP or JPEG picture; 0 where that cannot be told: it is none, or damaged."""
    try:
        if content.startswith(b"\x89PNG"):
            width, height = struct.unpack_from(">II", content, 16)
        elif content.startswith(b"GIF"):
            width, height = struct.unpack_from("<HH", content, 6)
        elif content.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", content, 18)
        else:
            width, height = _size_of_jpeg(content)
    except struct.error:
        return 0
    return int(abs(width * height))


def _size_of_jpeg(content: bytes) -> tuple[int, int]:
    """What the first frame says, behind segments that each tell their length."""
    place = 2
    while content.startswith(b"\xff\xd8") and content[place : place + 1] == b"\xff":
        (marker,) = struct.unpack_from("B", content, place + 1)
        if marker == 0xFF:  # fills up
            place += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _OTHERS:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        else:
            place += 2 + max(2, struct.unpack_from(">H", content, place + 2)[0])
    return 0, 0
