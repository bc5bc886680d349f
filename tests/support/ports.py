"""Free ports on loopback, and waiting until a server of ours answers on one.

A free port is free only until someone else takes it: launchers try again with another one when their server could not
bind. This is test-support code, so that it may wait on real time; unit tests never do.
"""

import socket
import subprocess
import time
from collections.abc import Callable
from typing import Final

LOOPBACK: Final = "127.0.0.1"
ANSWER_SECONDS_MAX: Final = 15.0
_POLL_SECONDS: Final = 0.02


class ServerDidNotStartError(RuntimeError):
    """The server ended, or did not answer in time; the message holds the end of its log."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this instant."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, *, first_bytes: bytes = b"") -> bool:
    """Whether something accepts on `port` and, if asked, opens with `first_bytes`."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            return not first_bytes or connection.recv(len(first_bytes), socket.MSG_WAITALL) == first_bytes
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log_text: Callable[[], str]) -> None:
    """Return when `condition` holds; `ServerDidNotStartError` when `process` ends first or time runs out."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerDidNotStartError(f"it ended with {process.returncode}: {log_text()[-2000:]}")
        if condition():
            return
        time.sleep(_POLL_SECONDS)
    raise ServerDidNotStartError(f"no answer in {ANSWER_SECONDS_MAX} s: {log_text()[-2000:]}")
