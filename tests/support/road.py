"""The road from one process to another, over TCP, which a test can close and open again."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field

from tests.support.ports import LOOPBACK

PIECE_BYTES = 65_536
SECONDS_MAX = 0.2


@dataclass
class Road:
    """Leads from `port` to `to_port` on loopback. Closed, it cuts who is on it and lets nobody on."""

    to_port: int
    port: int = field(init=False)
    _is_open: bool = True
    _is_over: bool = False
    _on_it: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.settimeout(SECONDS_MAX)
        self.port = self._listener.getsockname()[1]
        self._leading: list[threading.Thread] = []
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def close(self) -> None:
        """From now on nothing passes."""
        with self._lock:
            self._is_open = False
            for one in self._on_it:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """It passes again."""
        with self._lock:
            self._is_open = True

    def end(self) -> None:
        """Nobody needs it any more."""
        self._is_over = True
        self.close()
        for one in [self._serving, *self._leading]:
            one.join()

    def _serve(self) -> None:
        with self._listener:
            while not self._is_over:
                with contextlib.suppress(TimeoutError):
                    arrived, _ = self._listener.accept()
                    leading = threading.Thread(target=self._lead, args=(arrived,), daemon=True)
                    self._leading = [one for one in self._leading if one.is_alive()] + [leading]
                    leading.start()

    def _lead(self, arrived: socket.socket) -> None:
        with arrived, socket.create_connection((LOOPBACK, self.to_port)) as onward:
            with self._lock:
                if not self._is_open:
                    return
                self._on_it |= {arrived, onward}
            back = threading.Thread(target=_pass, args=(onward, arrived), daemon=True)
            back.start()
            _pass(arrived, onward)
            back.join()
            with self._lock:
                self._on_it -= {arrived, onward}


def _pass(from_one: socket.socket, to_other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := from_one.recv(PIECE_BYTES):
            to_other.sendall(data)
    with contextlib.suppress(OSError):
        to_other.shutdown(socket.SHUT_WR)
