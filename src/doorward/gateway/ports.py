"""The control plane as a gateway sees it: a closed list of calls, filled over HTTP by `api`.

`Refused` and `Missing` carry the one line that the user may see; `Unavailable` means no answer within the deadline, and
then nothing opens.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from doorward.api.bodies.gateway_calls import (
    Faces,
    GatewayTrust,
    Jump,
    Lease,
    MintFaces,
    OpenJump,
    OpenSession,
    SealRecording,
    SessionPlan,
    SessionReport,
    WatchMessage,
)


class ControlPlane(Protocol):
    """One authority, however far away."""

    async def trust(self) -> GatewayTrust: ...
    async def mint_faces(self, wanted: MintFaces) -> Faces: ...
    async def open_session(self, wanted: OpenSession) -> SessionPlan: ...
    async def open_jump(self, wanted: OpenJump) -> Jump: ...
    async def report_session(self, session_id: str, report: SessionReport) -> None: ...
    async def renew_lease(self, live: Sequence[str], jumps: Sequence[str]) -> Lease: ...
    def watch(self, after_epoch: int) -> AsyncIterator[WatchMessage]: ...
    async def append_recording(self, session_id: str, offset: int, data: bytes) -> int: ...
    async def seal_recording(self, session_id: str, sealed: SealRecording) -> None: ...
