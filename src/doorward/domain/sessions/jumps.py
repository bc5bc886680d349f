"""What the authority keeps of jump connections: enough to have them closed when their ground is gone.

A jump is no session: nothing is decided on a node by it. It stands on its sign-in alone, so that those of one sign-in
at one gateway end together.
"""

from dataclasses import dataclass
from datetime import datetime

from doorward.base.ids import GatewayId, SignInId, UserId


@dataclass(frozen=True, slots=True)
class JumpRecord:
    """One jump connection; `proof_digest` (SHA-256 of the SSH session id) opens one, once. `expires` is when its proof
    could not be shown again and its sign-in is over."""

    proof_digest: bytes
    gateway_id: GatewayId
    user_id: UserId
    sign_in_id: SignInId
    opened: datetime
    expires: datetime

    @property
    def id(self) -> str:
        """What gateways and authority call it."""
        return self.proof_digest.hex()


@dataclass(frozen=True, slots=True)
class LiveJumps:
    """How many jump connections of one sign-in live at one gateway, as far as is known."""

    gateway_id: GatewayId
    user_id: UserId
    sign_in_id: SignInId
    count: int


@dataclass(frozen=True, slots=True)
class JumpCut:
    """An order to one gateway to close one jump connection."""

    epoch: int
    jump_id: str
    message: str
