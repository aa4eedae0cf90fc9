"""The dashboard's password: kept as its scrypt hash, asked for by HTTP Basic, compared in constant time.

In a file or in the environment stands the password itself, or its hash, which `regsearch dashboard --hash-password`
makes, in the notation of PHC strings:

    $scrypt$ln=14,r=8,p=1$SALT$HASH

`ln` is the binary logarithm of scrypt's cost, `r` its block size, `p` its parallelization; salt and hash are in Base64
without padding. Source: Percival and Josefsson 2016 (RFC 7914); the notation is that of the Password Hashing
Competition.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from search.errors import Problem, UsageError

PASSWORD_VARIABLE = "REGSEARCH_DASHBOARD_PASSWORD"
"""Environment variable: the password, or its hash."""

_PHC = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")
_PREFIX = "$scrypt$"
_COST, _BLOCK, _PARALLEL = 14, 8, 1
_SALT_BYTES = 16
_MOST_MEMORY = 2**28
"""Bytes that checking a password may take: a hash that asks for more is refused."""

_MOST_BYTES_OF_A_FILE = 4_096

PAUSE_SECONDS = 1.0
"""How long a wrong password waits for its answer."""
_MOST_TRIES = 4
"""Passwords that are looked at, or wait for their answer, at a time: all that anybody can guess in a second."""


class TooManyTriesError(Exception):
    """Others guess passwords at this moment: the one that was given is not looked at."""


@dataclass(frozen=True)
class PasswordHash:
    """What scrypt makes of a password.

    Args:
        cost: Binary logarithm of scrypt's cost.
        block: Its block size.
        parallel: Its parallelization.
        salt: What makes equal passwords differ.
        digest: The hash.
    """

    cost: int
    block: int
    parallel: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def make(cls, password: str) -> PasswordHash:
        """The hash of a password, with a new salt."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(_COST, _BLOCK, _PARALLEL, salt, _scrypt(password, _COST, _BLOCK, _PARALLEL, salt, 32))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """The hash that `str` wrote.

        Raises:
            ValueError: It is no such text, or asks for more than 256 MiB.
        """
        found = _PHC.fullmatch(text)
        if found is None:
            raise ValueError("no hash in the notation $scrypt$ln=14,r=8,p=1$SALT$HASH")
        cost, block, parallel = map(int, found.groups()[:3])
        if min(cost, block, parallel) < 1 or 128 * block * (2**cost + parallel) > _MOST_MEMORY:
            raise ValueError("a hash whose numbers ask for nothing or for more than 256 MiB")
        try:
            salt, digest = _from_base64(found[4]), _from_base64(found[5])
        except binascii.Error as error:
            raise ValueError("a hash whose Base64 is broken") from error
        if len(salt) < 8 or len(digest) < 16:
            raise ValueError("a hash that is cut off")
        return cls(cost, block, parallel, salt, digest)

    def __str__(self) -> str:
        numbers = f"ln={self.cost},r={self.block},p={self.parallel}"
        return f"{_PREFIX}{numbers}${_to_base64(self.salt)}${_to_base64(self.digest)}"

    def matches(self, password: str) -> bool:
        """Whether the password is the one that was hashed; how long this takes tells nothing of it."""
        made = _scrypt(password, self.cost, self.block, self.parallel, self.salt, len(self.digest))
        return hmac.compare_digest(made, self.digest)


class Doorkeeper:
    """Lets in who knows the password, and makes guessing it slow.

    A browser sends the password with each request, some of them every few seconds: one that was right is known again
    without scrypt, by a digest under a key that is made anew at each start.

    Args:
        known: The password's hash.
        pause: What a wrong password waits for.
    """

    def __init__(self, known: PasswordHash, pause: Callable[[], None] = lambda: time.sleep(PAUSE_SECONDS)) -> None:
        self._known = known
        self._pause = pause
        self._key = secrets.token_bytes(32)
        self._right = b""
        self._tries = threading.Semaphore(_MOST_TRIES)

    def lets_in(self, authorization: str) -> bool:
        """Whether an Authorization header has the password; any user name will do.

        Raises:
            TooManyTriesError: Others guess at this moment.
        """
        password = _password_of(authorization)
        if password is None:
            return False
        digest = hmac.digest(self._key, password.encode(), "sha256")
        if hmac.compare_digest(digest, self._right):
            return True
        if not self._tries.acquire(blocking=False):
            raise TooManyTriesError
        try:
            if self._known.matches(password):
                self._right = digest
                return True
            self._pause()
            return False
        finally:
            self._tries.release()


def find_password(path: str | None) -> PasswordHash | None:
    """The hash of the password that a file holds, else the environment; None where neither is given.

    Args:
        path: Of a file: its first line is the password, or its hash.

    Raises:
        UsageError: The file cannot be read, no password stands there, or a hash that cannot be read.
    """
    if path is not None:
        return _understand("--password-file", _first_line(path))
    given = os.environ.get(PASSWORD_VARIABLE)
    return None if given is None else _understand(f"${PASSWORD_VARIABLE}", given.strip("\r\n"))


def _first_line(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MOST_BYTES_OF_A_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "bytes that are no UTF-8"
        message = f"expected a text file with the password, or its hash, in the first line, received {path}: {reason}"
        raise UsageError(Problem("--password-file", message)) from error
    return (text.splitlines() or [""])[0]


def _understand(place: str, given: str) -> PasswordHash:
    """The hash of what was given, which is never repeated in a message."""
    remedy = "`regsearch dashboard --hash-password` makes a hash."
    if not given.strip():
        raise UsageError(Problem(place, "expected a password, received an empty one", remedy))
    if not given.startswith(_PREFIX):
        return PasswordHash.make(given)
    try:
        return PasswordHash.parse(given.strip())
    except ValueError as error:
        raise UsageError(Problem(place, f"expected a password or its hash, received {error}", remedy)) from error


def _password_of(authorization: str) -> str | None:
    """The password of HTTP Basic (RFC 7617); None where there is none."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user_and_password = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    _, colon, password = user_and_password.partition(":")
    return password if colon else None


def _scrypt(password: str, cost: int, block: int, parallel: int, salt: bytes, length: int) -> bytes:
    settings = {"n": 2**cost, "r": block, "p": parallel, "maxmem": 2 * _MOST_MEMORY}
    return hashlib.scrypt(password.encode(), salt=salt, dklen=length, **settings)


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
