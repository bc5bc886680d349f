"""Turns an SSH client away before any handshake, so that it shows why.

OpenSSH drops text lines that come before the version; SSH_MSG_DISCONNECT right after it is shown (tried; RFC 4253
section 11.1 allows it at any time).
"""

import asyncio
import contextlib
import socket
from typing import Final

from doorward.wire.ssh.fields import encode_text, encode_uint32

TOO_MANY_CONNECTIONS: Final = 12
GOODBYE_SECONDS: Final = 2.0
DRAIN_BYTES_MAX: Final = 8192
_BLOCK: Final = 8
_DISCONNECT: Final = b"\x01"


def goodbye_bytes(version: str, code: int, line: str) -> bytes:
    """Our version, and an unencrypted disconnect message (RFC 4253 sections 4.2, 6 and 11.1)."""
    payload = _DISCONNECT + encode_uint32(code) + encode_text(line) + encode_text("")
    padding = _BLOCK - (5 + len(payload)) % _BLOCK
    padding += _BLOCK if padding < 4 else 0
    packet = bytes((padding,)) + payload + b"\0" * padding
    return f"SSH-2.0-{version}\r\n".encode("ascii") + encode_uint32(len(packet)) + packet


async def say_goodbye(sock: socket.socket, version: str, line: str, code: int = TOO_MANY_CONNECTIONS) -> None:
    """Send it and close, giving the client a moment to read it: a reset would throw it away."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await loop.sock_sendall(sock, goodbye_bytes(version, code, line))
            sock.shutdown(socket.SHUT_WR)
            drained = 0
            while drained < DRAIN_BYTES_MAX and (data := await loop.sock_recv(sock, DRAIN_BYTES_MAX)):
                drained += len(data)
    sock.close()
