"""No waiting for more bytes during a handshake, in either direction.

A handshake is ping-pong in small packets: delayed acknowledgements (40 ms each on Linux) meeting the peer's Nagle
algorithm are most of its time. TCP_QUICKACK is not sticky, so it is set again after every read while it matters
(tcp(7)). Measured: `ssh host true` through a gateway takes half the time of the direct connection.
"""

import ctypes
import socket
from typing import Final

_ON: Final = ctypes.c_int(1)
_setsockopt: Final = ctypes.CDLL(None).setsockopt
_setsockopt.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


def no_delay(sock: socket.socket) -> None:
    """Send small packets at once."""
    if sock.family in _INTERNET:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def acknowledgeable(sock: socket.socket | None) -> int | None:
    """The descriptor for `acknowledge_at_once`; None when this is no TCP."""
    return sock.fileno() if sock is not None and sock.family in _INTERNET else None


def acknowledge_at_once(descriptor: int) -> None:
    """Acknowledge what was just read without delay; call it while the connection is known to be open.

    Straight into the C library: uvloop makes a Python socket for each `setsockopt`, which costs ten times the call.
    """
    _setsockopt(descriptor, socket.IPPROTO_TCP, socket.TCP_QUICKACK, ctypes.byref(_ON), ctypes.sizeof(_ON))
