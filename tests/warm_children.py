"""Child processes of `search.data.sources` that find Keras imported, for tests that ask for many.

A child imports Keras anew each time: three seconds of the processor, a hundred times. Here a process that has imported
it forks each child, which then does what `_child.py` does as a script. Tests of the process itself start a real one.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

_STDERR = "stderr.txt"
_READ_BY_IMPORTS = ("PYTHON", "KERAS_", "TF_", "CUDA_", "XLA_", "LD_")
"""How variables begin that a child has to have when it starts."""

_READ_LATER = ("XLA_FLAGS", "TF_XLA_FLAGS")
"""Those that XLA reads when it is first used; training in this process sets them."""

_SET_BY_TRAINING = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""What training in this process sets, and what a child has without being told."""


class WarmChildren:
    """Runs children of `search.data.sources.child`, as `_run_child` there does.

    Args:
        cold: The real `_run_child`, for a child whose imports would depend on its environment.
    """

    def __init__(self, cold):
        self._cold = cold
        self._imported_with = _imports_environment(os.environ)
        self._folder = tempfile.TemporaryDirectory(prefix="warm")
        self._address = str(Path(self._folder.name) / "socket")
        self._server = None

    def run(self, folder, timeout_seconds):
        """The exit code of a child that answers the request in `folder`; errors as those of `_run_child`."""
        from search.fork_server import DATABASE_SECRETS

        environment = {name: value for name, value in os.environ.items() if name not in DATABASE_SECRETS}
        if _imports_environment(environment) != self._imported_with:
            return self._cold(folder, timeout_seconds)
        if self._server is None:
            self._begin()
        order = json.dumps({"folder": str(folder), "environment": environment, "cwd": str(Path.cwd())}).encode()
        alive, held = os.pipe()
        with (folder / _STDERR).open("wb") as stderr, contextlib.closing(self._connected()) as connection:
            try:
                connection.sendmsg([order], _as_ancillary([alive, stderr.fileno()]))
                os.close(alive)
                connection.shutdown(socket.SHUT_WR)
                # Closed here: after a timeout the error's frames would hold it until objects are collected.
                with connection.makefile() as told:
                    pid = int(told.readline())
                    connection.settimeout(timeout_seconds)
                    try:
                        return int(told.readline())
                    except TimeoutError:
                        raise subprocess.TimeoutExpired("child", timeout_seconds) from None
                    finally:
                        with contextlib.suppress(ProcessLookupError):
                            os.killpg(pid, signal.SIGKILL)
            finally:
                os.close(held)

    def close(self):
        """End the process that children are forked from."""
        if self._server is not None:
            self._server.stdin.close()
            self._server.wait(10)
        self._folder.cleanup()

    def _begin(self):
        self._server = subprocess.Popen(
            [sys.executable, "-P", __file__, self._address],
            stdin=subprocess.PIPE,  # whose end is the server's, too
            stdout=subprocess.PIPE,
            env={**os.environ, **_SET_BY_TRAINING},
        )
        with self._server.stdout as ready:
            assert ready.readline(), "expected a process with Keras, received its end"

    def _connected(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        return connection


def _imports_environment(environment):
    found = {
        name: value
        for name, value in {**_SET_BY_TRAINING, **environment}.items()
        if name.startswith(_READ_BY_IMPORTS) and name not in _READ_LATER
    }
    paths = [path for path in found.pop("PYTHONPATH", "").split(os.pathsep) if path not in ("", str(CHECKOUT))]
    return found, paths  # this checkout is found without being named


def _as_ancillary(descriptors):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]


# In the process that has Keras


def _serve(address):
    import select

    sys.path.append(str(CHECKOUT))
    import keras  # noqa: F401  # for its own sake, as all that a child imports

    import search.data.functions
    import search.data.keras_names
    import search.data.sources._child
    import search.data.sources.raw
    import search.data.stored_rows  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for children
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        readable, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in readable:
            return
        connection, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            _start(connection)
        connection.close()


def _start(connection):
    """Fork the child that a connection asks for, and tell its number and its end."""
    received, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    while piece := connection.recv(1 << 20):
        received += piece
    order = json.loads(received)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        connection.close()
        _be_child(order, *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _be_child(order, alive, stderr):
    """Do what the script does, and end as it would."""
    import numpy as np

    from search.data.sources import _child

    with Path(os.devnull).open("wb") as nothing:
        for descriptor, place in ((alive, 0), (nothing.fileno(), 1), (stderr, 2)):
            os.dup2(descriptor, place)
    os.close(alive)
    os.close(stderr)
    os.environ.clear()
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", **order["environment"]})
    os.chdir(order["cwd"])
    np.random.seed()  # which every child would go on with from the same place
    sys.argv = [_child.__file__, order["folder"]]
    code = 0
    try:
        _child.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else ended.code is not None
    except BaseException:  # noqa: BLE001  # as the interpreter does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
