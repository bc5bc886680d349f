"""The signer as a process: hardened, listening on a socket that only its peers reach, until it is cancelled."""

import asyncio
import ctypes
import os
import resource
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from doorward.api.signer.messages import Request
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.errors import Invalid
from doorward.net.sole_process import sole_process
from doorward.signer.ports import KeyRing
from doorward.signer.rates import USUAL_RATES, Rate
from doorward.signer.server import SignerConnections
from doorward.signer.service import SigningService

SOCKET_PATH_BYTES_MAX: Final = 107
"""What fits in sockaddr_un with its final NUL."""
BACKLOG: Final = 64
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


class SocketPathRefused(Invalid):
    """The socket can not be made at this path."""

    code = "signer_socket_path"


def harden_process() -> None:
    """No core file, no reading of our memory or descriptors by processes of the same user, no gain of privileges.

    Call it before the keys are opened; Linux only, as is everything that holds keys.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl refused to protect the signer's memory")


async def run_signer(
    ring: KeyRing,
    socket_path: Path,
    *,
    allowed_uids: Collection[int],
    clock: Clock,
    entropy: Entropy,
    rates: Mapping[type[Request], Rate] = USUAL_RATES,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until cancelled. `on_ready` is called when the socket takes connections.

    The directory of `socket_path` exists and belongs to us. `AlreadyRunning` while another signer serves there; a
    socket that an earlier one left is replaced, and ours is left behind. Where others than our own user are allowed,
    they reach the socket by its group, which is its directory's.
    """
    if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES_MAX:
        raise SocketPathRefused("opening the signer's socket: its path is longer than the system takes")
    service = SigningService(ring, clock=clock, entropy=entropy, rates=rates)
    connections = SignerConnections(service, allowed_uids)
    async with sole_process(socket_path.with_name(f"{socket_path.name}.lock"), "a signer"):
        await _serve(connections, socket_path, allowed_uids, on_ready)


async def _serve(
    connections: SignerConnections,
    socket_path: Path,
    allowed_uids: Collection[int],
    on_ready: Callable[[], None] | None,
) -> None:
    before = os.umask(0o117 if set(allowed_uids) - {os.geteuid()} else 0o077)
    try:
        server = await asyncio.get_running_loop().create_unix_server(
            connections.make_protocol, str(socket_path), backlog=BACKLOG
        )
    finally:
        os.umask(before)
    try:
        if on_ready is not None:
            on_ready()
        await server.serve_forever()
    finally:
        server.close()
        connections.close()
