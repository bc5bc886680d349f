"""A program on a terminal of its own: typed to, read, resized, as a person would."""

import codecs
import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

READ_BYTES: Final = 65_536
SECONDS_MAX: Final = 20.0
_POLL_SECONDS: Final = 0.2


class Terminal:
    """Use it as a context manager: what still runs at its end is killed by its own process id."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(columns, rows)
        self.screen = ""
        """All that was shown so far."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.process = subprocess.Popen(
            # The terminal becomes the controlling one, so that ssh hears of its size and of Ctrl-C.
            ["setsid", "--ctty", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": "xterm", **environment},
        )
        os.close(theirs)

    def resize(self, columns: int, rows: int) -> None:
        """Change its size; the kernel tells the program by SIGWINCH."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def enter(self, text: str) -> None:
        """Type, with `\\n` for the enter key."""
        os.write(self._ours, text.replace("\n", "\r").encode())

    def read_until(self, text: str, seconds: float = SECONDS_MAX) -> str:
        """All that was shown, once `text` is in it; AssertionError when it does not come in time."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            alive = self._read(deadline)
            assert alive or text in self.screen, f"{text!r} was not shown, but: {self.screen[-2000:]!r}"
        return self.screen

    def wait(self, seconds: float = SECONDS_MAX) -> int:
        """Read until it ends; its exit status."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def close(self) -> None:
        """End what still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._ours)

    def _read(self, deadline: float) -> bool:
        """Read once; False at the end. AssertionError when time is over."""
        assert time.monotonic() < deadline, f"nothing more came in time after: {self.screen[-2000:]!r}"
        if not select.select([self._ours], [], [], _POLL_SECONDS)[0]:
            return True
        try:
            data = os.read(self._ours, READ_BYTES)
        except OSError:  # Linux answers EIO once the last program has closed the other side
            data = b""
        self.screen += self._decoder.decode(data)
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
