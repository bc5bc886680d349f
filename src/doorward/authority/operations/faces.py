"""Host certificates for the names that a gateway shows: its own, and (for jump connections) any node's.

Minted for unknown names exactly as for known ones, so that nobody learns from it which nodes exist.
"""

from typing import Final

from doorward.api.bodies.gateway_calls import Faces, MintFaces
from doorward.authority.callers import GatewayCaller
from doorward.authority.gateway_limits import Work
from doorward.authority.known_gateway import known_gateway
from doorward.authority.operations.pacing import pace
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.domain.certificates.face_names import node_in_face

FACE_SECONDS: Final = 600.0


class NotItsName(Refused):
    """The gateway asked for a name that is neither its own nor a node's."""

    code = "not_its_name"


def may_show(name: str, own_names: frozenset[str], node_suffix: str) -> bool:
    """Whether a gateway with these names may show `name`."""
    return name in own_names or node_in_face(name, node_suffix) is not None


async def mint_faces(services: Services, caller: GatewayCaller, wanted: MintFaces) -> Faces:
    """One certificate per name, or none at all."""
    services.clock_guard.check()
    await pace(services, caller, Work.FACES, len(wanted.names))

    def work(tx: Transaction) -> frozenset[str]:
        return frozenset(known_gateway(tx, caller).names)

    own = await services.store.read(work)
    for name in wanted.names:
        if not may_show(name, own, services.node_suffix):
            raise NotItsName("minting a face: this gateway may not show that name")
    signed = [
        await services.signer.sign_face_host(gateway_id=caller.gateway_id, name=name, public_key=wanted.public_key)
        for name in wanted.names
    ]
    return Faces([one.certificate for one in signed], FACE_SECONDS)
