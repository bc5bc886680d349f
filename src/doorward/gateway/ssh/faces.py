"""Which names this gateway shows: one host key in memory, a ten-minute certificate for each name.

Of its own names they are at hand all the time. For nodes' names they are minted when somebody who has proven who they
are asks for one, for unknown names exactly as for known ones; kept for that user alone, so that nobody learns from a
quick answer where others go.

A certificate names one name, and SSH does not tell a server by which name the client came, so it is always the
gateway's first name; a client that comes by another one says `HostKeyAlias` (as `dw ssh` and `dw config ssh` do).
Renewed when half its life is over. Without a certificate that still lives nobody is let in, since no client should get
used to unproven gateways.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from asyncssh import SSHServerConnectionOptions

from doorward.api.bodies.gateway_calls import MintFaces
from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.errors import Unavailable
from doorward.gateway.ports import ControlPlane
from doorward.gateway.ssh.asyncssh_setup import user_options
from doorward.gateway.ssh.keys import MemoryKey
from doorward.gateway.ssh.lines import NO_CONTROL, TOO_MANY_NAMES

SPARE_SECONDS: Final = 30.0
"""A certificate is not shown any more when it has less than this to live: a handshake must fit, and clocks differ."""
RENEW_AT: Final = 0.5
WAIT_SECONDS_MIN: Final = 1.0
NODE_FACES_MAX: Final = 512
USER_FACES_MAX: Final = 128
"""Of one user; who asks for more loses their own oldest, and nobody else's."""
USER_MINTS_PER_SECOND: Final = 20.0
USER_MINTS_BURST: Final = 256.0
"""A tool that goes to a thousand nodes at once asks for a thousand; names made up in a loop are slowed down alike."""
USERS_MAX: Final = 10_000
MINT_SECONDS: Final = 5.0


class Faces:
    """The gateway's names and what it shows for each."""

    def __init__(self, clock: Clock, entropy: Entropy, *, version: str, sign_in_seconds: float) -> None:
        self._clock = clock
        self._key = MemoryKey(entropy)
        self._version = version
        self._sign_in_seconds = sign_in_seconds
        self._options: dict[str, SSHServerConnectionOptions] = {}
        self._names: tuple[str, ...] = ()
        self._until = float("-inf")
        self._mints: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._of_nodes: OrderedDict[tuple[str, str], tuple[float, SSHServerConnectionOptions]] = OrderedDict()

    async def renew(self, control_plane: ControlPlane, names: Sequence[str]) -> float:
        """Ask for fresh certificates; how many seconds until the next time."""
        asked_at = self._clock.elapsed_seconds()
        faces = await control_plane.mint_faces(MintFaces(self._key.public_key, list(names)))
        options = {
            name: user_options(self._key.certified(certificate), self._version, self._sign_in_seconds)
            for name, certificate in zip(names, faces.certificates, strict=True)
        }
        self._options, self._names = options, tuple(names)
        self._until = asked_at + faces.remaining_seconds - SPARE_SECONDS
        return max(WAIT_SECONDS_MIN, faces.remaining_seconds * RENEW_AT)

    async def keep(self, control_plane: ControlPlane, names: Sequence[str]) -> None:
        """Renew until an error; runs under `net.supervise`."""
        while True:
            wait_seconds = await self.renew(control_plane, names)
            await asyncio.sleep(wait_seconds)

    def current(self) -> SSHServerConnectionOptions | None:
        """What to show on a new connection; None when nothing valid is at hand."""
        if not self._names or self._clock.elapsed_seconds() >= self._until:
            return None
        return self._options[self._names[0]]

    async def of_node(self, control_plane: ControlPlane, user_id: str, name: str) -> SSHServerConnectionOptions:
        """What to show a proven user under the name `<node>.<suffix>`; `Unavailable` without an answer in time, and to
        who asks for too many.
        """
        now = self._clock.elapsed_seconds()
        until, options = self._of_nodes.get((user_id, name), (float("-inf"), None))
        if options is not None and now < until:
            return options
        self._take_mint(user_id, now)
        try:
            async with asyncio.timeout(MINT_SECONDS):
                faces = await control_plane.mint_faces(MintFaces(self._key.public_key, [name]))
        except TimeoutError as error:
            raise Unavailable(NO_CONTROL) from error
        options = user_options(self._key.certified(faces.certificates[0]), self._version, self._sign_in_seconds)
        self._of_nodes[user_id, name] = (now + faces.remaining_seconds * RENEW_AT, options)
        self._of_nodes.move_to_end((user_id, name))
        theirs = [key for key in self._of_nodes if key[0] == user_id]
        for key in theirs[: max(0, len(theirs) - USER_FACES_MAX)]:
            del self._of_nodes[key]
        while len(self._of_nodes) > NODE_FACES_MAX:
            self._of_nodes.popitem(last=False)
        return options

    def _take_mint(self, user_id: str, now: float) -> None:
        """Count one more certificate for a user, or `Unavailable`."""
        tokens, filled_at = self._mints.get(user_id, (USER_MINTS_BURST, now))
        tokens = min(USER_MINTS_BURST, tokens + (now - filled_at) * USER_MINTS_PER_SECOND)
        is_over = tokens < 1
        self._mints[user_id] = (tokens if is_over else tokens - 1, now)
        self._mints.move_to_end(user_id)
        while len(self._mints) > USERS_MAX:
            self._mints.popitem(last=False)
        if is_over:
            raise Unavailable(TOO_MANY_NAMES)
