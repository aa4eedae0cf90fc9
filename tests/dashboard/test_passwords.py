"""The password's hash, where a password is found, and how often one may be guessed."""

from __future__ import annotations

import base64
import hmac
import threading

import pytest

from search.dashboard import passwords
from search.dashboard.passwords import Doorkeeper, PasswordHash, TooManyTriesError, find_password
from search.errors import UsageError

KNOWN = PasswordHash.parse("$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$TP10l/J0v7dq+bTn6BbxXiexUKxCWRjz0KMUH+qZPfQ")
"""Of "open sesame"; made by OpenSSL: `openssl kdf -keylen 32 -kdfopt salt:saltsalt -kdfopt n:1024 ... SCRYPT`."""


def basic(password, user="anybody"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_hash_of_another_program_is_understood():
    assert KNOWN.matches("open sesame")
    assert not KNOWN.matches("open sesame ")


def test_hashes_of_one_password_differ_and_are_read_back():
    first, second = PasswordHash.make("pässword: 1"), PasswordHash.make("pässword: 1")
    assert str(first) != str(second)
    assert PasswordHash.parse(str(first)) == first
    assert str(first).startswith("$scrypt$ln=14,r=8,p=1$")
    assert first.matches("pässword: 1")
    assert not first.matches("pässword: 2")


def test_hash_is_not_shown_by_accident():
    assert repr(KNOWN) == "PasswordHash(cost=10, block=8, parallel=1)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$scrypt$ln=10,r=8$c2FsdHNhbHQ$AAAA", "no hash in the notation $scrypt$ln=14,r=8,p=1$SALT$HASH"),
        ("$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$AAAA", "a hash whose numbers ask for nothing or for more than 256 MiB"),
        ("$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$AAAA", "a hash whose numbers ask for nothing or for more than 256 MiB"),
        ("$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$AAAA", "a hash that is cut off"),
        ("$scrypt$ln=10,r=8,p=1$A$AAAA", "a hash whose Base64 is broken"),
    ],
)
def test_hash_that_cannot_be_read_is_told_without_it(text, reason, monkeypatch):
    monkeypatch.setenv("REGSEARCH_DASHBOARD_PASSWORD", text)
    with pytest.raises(UsageError) as caught:
        find_password(None)
    assert str(caught.value) == (
        f"$REGSEARCH_DASHBOARD_PASSWORD: expected a password or its hash, received {reason}. "
        "`regsearch dashboard --hash-password` makes a hash."
    )


def test_file_comes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("REGSEARCH_DASHBOARD_PASSWORD", raising=False)
    assert find_password(None) is None
    monkeypatch.setenv("REGSEARCH_DASHBOARD_PASSWORD", "of the environment")
    file = tmp_path / "password"
    for text in (" spaced \nignored\n", " spaced \r\n", " spaced "):
        file.write_bytes(text.encode())
        assert find_password(str(file)).matches(" spaced ")
    file.write_text(f"{KNOWN}\n")
    assert find_password(str(file)) == KNOWN
    assert find_password(None).matches("of the environment")


def test_file_without_a_password_is_a_usage_error(tmp_path):
    file = tmp_path / "password"
    with pytest.raises(UsageError) as caught:
        find_password(str(file))
    assert str(caught.value) == (
        "--password-file: expected a text file with the password, or its hash, in the first line, "
        f"received {file}: No such file or directory."
    )
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="bytes that are no UTF-8"):
        find_password(str(file))
    file.write_text("\nsecond line")
    with pytest.raises(UsageError) as caught:
        find_password(str(file))
    assert str(caught.value) == (
        "--password-file: expected a password, received an empty one. "
        "`regsearch dashboard --hash-password` makes a hash."
    )


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Basic " + base64.b64encode(b"no colon").decode(), "Bearer open sesame", "Basic /w=="],
)
def test_header_without_a_password_is_refused_at_once(header):
    assert not Doorkeeper(KNOWN, lambda: pytest.fail("expected no pause")).lets_in(header)


def test_right_password_is_known_again_without_scrypt(monkeypatch):
    door = Doorkeeper(KNOWN, lambda: None)
    assert door.lets_in(basic("open sesame"))
    monkeypatch.setattr(passwords, "_scrypt", lambda *_: pytest.fail("expected no scrypt"))
    assert door.lets_in(basic("open sesame", user="somebody else"))
    assert door.lets_in("bAsIc " + basic("open sesame").split()[1])


def test_wrong_password_pauses_each_time_and_locks_nobody_out():
    paused = []
    door = Doorkeeper(KNOWN, lambda: paused.append(1))
    for guess in ("", "Open sesame", "open sesame:", " open sesame"):
        assert not door.lets_in(basic(guess))
    assert len(paused) == 4
    assert door.lets_in(basic("open sesame"))
    assert not door.lets_in(basic("wrong"))
    assert door.lets_in(basic("open sesame"))


def test_only_so_many_guess_at_a_time_while_who_was_let_in_goes_on():
    goes_on, waiting = threading.Event(), threading.Barrier(5)
    door = Doorkeeper(KNOWN, lambda: (waiting.wait(30), goes_on.wait(30)))
    assert door.lets_in(basic("open sesame"))
    guessing = [threading.Thread(target=door.lets_in, args=[basic("wrong")]) for _ in range(4)]
    for thread in guessing:
        thread.start()
    waiting.wait(30)
    try:
        with pytest.raises(TooManyTriesError):
            door.lets_in(basic("another"))
        assert door.lets_in(basic("open sesame"))
    finally:
        goes_on.set()
        for thread in guessing:
            thread.join(30)
    assert not Doorkeeper(KNOWN, lambda: None).lets_in(basic("wrong"))


def test_passwords_are_compared_in_constant_time(monkeypatch):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(passwords.hmac, "compare_digest", lambda *two: compared.append(two) or compare(*two))
    Doorkeeper(KNOWN, lambda: None).lets_in(basic("wrong"))
    assert [len(one) for one, _ in compared] == [32, 32]
