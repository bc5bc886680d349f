"""Free ports on loopback, and whether a server of ours answers on one."""

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this instant."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_ssh(port: int) -> bool:
    """Whether something on `port` opens as SSH servers do."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            return connection.recv(8, socket.MSG_WAITALL) == b"SSH-2.0-"
    except OSError:
        return False
