"""Exports that are killed at each of their moments: run as `python killed_exports.py DATABASE FOLDER`.

A process forks one export for each moment, and each is killed at its own: before its n-th change of a file, its n-th
flush to the disk. What is left is written down as JSON, one object for each that was killed.
"""

import hashlib
import json
import os
import signal
import sys
import zipfile
from pathlib import Path
from unittest import mock

from search.followup.prediction import ModelCard
from search.followup.refit import Refitted
from search.reporting.exports import EXPORTS
from search.reporting.exports.folder import CHECKSUMS, export_folder
from search.storage import open_storage

CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "tempfile.mkdtemp", "os.fsync"}


class Model:
    """Saves as Keras does, as far as a file can tell."""

    def save(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("weights", "w" * 100_000)


def die_at(moment, folder):
    """Kill this process at its n-th moment in a folder."""
    left = moment

    def count(event, arguments):
        nonlocal left
        if event not in CHANGES or not any(folder in os.fsdecode(a) for a in arguments if isinstance(a, str | bytes)):
            return
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    flush = os.fsync

    def counted_flush(descriptor):
        count("os.fsync", [folder])
        flush(descriptor)

    os.fsync = counted_flush
    sys.addaudithook(count)


def export(database, name, target):
    patches = [
        mock.patch("search.followup.refit.refit_study", return_value=Refitted(Model(), ModelCard(("a", "b")))),
        mock.patch("search.reporting.report.gather_report", return_value=None),
        mock.patch("search.reporting.report.report_html", return_value="<p>report</p>"),
    ]
    for patch in patches:
        patch.start()
    with open_storage(f"sqlite:///{database}") as storage:
        if name == "all":
            export_folder({key: EXPORTS[key] for key in ("json", "keras")}, storage, "quick", target)
        else:
            EXPORTS[name].write(storage, "quick", target)


def put_old(name, target):
    if name == "all":
        target.mkdir(exist_ok=True)
        for path in target.iterdir():
            path.unlink()
        (target / "README.md").write_text(
            "<!-- Written by `regsearch export --all`, which replaces this folder as a whole. -->\n"
        )
        digest = hashlib.sha256((target / "README.md").read_bytes()).hexdigest()
        (target / CHECKSUMS).write_text(f"{digest}  README.md\n")
    else:
        target.write_text("old")


def state(name, target):
    """What stands at the place of an export: `old`, `new`, or else what is wrong with it."""
    try:
        if name == "all":
            lines = [line.split("  ") for line in (target / CHECKSUMS).read_text().splitlines()]
            if any(hashlib.sha256((target / file).read_bytes()).hexdigest() != digest for digest, file in lines):
                return "torn"
            if {file for _, file in lines} | {CHECKSUMS} != {path.name for path in target.iterdir()}:
                return "other files"
            return "old" if len(lines) == 1 else "new" if len(lines) == 7 else "some"
        if target.read_bytes() == b"old":
            return "old"
        if name == "keras":
            card = ModelCard.read(target)
            return "new" if card.classes == ("a", "b") and zipfile.ZipFile(target).testzip() is None else "torn"
        text = target.read_text()
        whole = {"toml": "test = ", "json": "}\n", "yaml": "", "python": "    main("}[name]
        return "new" if len(text) > 500 and whole in text[-200:] and text.endswith("\n") else "torn"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}"


def main(database, folder, name):
    target = Path(folder) / {"all": "everything", "keras": "best.keras"}.get(name, f"best.{name}")
    for moment in range(1, 1000):
        put_old(name, target)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                die_at(moment, folder)
                export(database, name, target)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        others = sorted(path.name for path in Path(folder).iterdir() if path != target)
        told = {"moment": moment, "status": status, "state": state(name, target), "others": others}
        print(json.dumps(told), flush=True)  # noqa: T201
        if status != signal.SIGKILL:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
