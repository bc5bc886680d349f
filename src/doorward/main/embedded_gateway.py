"""The identity of the gateway that runs beside its authority: made by `init`, or by `serve` where there is none."""

from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.api.signer.client import SignerClient
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.ids import GatewayId
from doorward.domain.audit.event import OPERATOR, Subjects
from doorward.domain.audit.events_machines import GATEWAY_NAMES_CHANGED
from doorward.domain.certificates.x509_check import to_pem
from doorward.main.gateway_identity import GatewayIdentity, has_run_out, read_identity, write_identity
from doorward.main.layout import Layout
from doorward.main.settings import BadSettings

EMBEDDED_GATEWAY: Final = "embedded"
LIFETIME: Final = timedelta(days=30)


async def issue_identity(signer: SignerClient, layout: Layout, gateway_id: GatewayId) -> str:
    """A fresh key and certificate for the gateway, written to its directory; answers the certificate's serial."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    issued = await signer.issue_gateway_x509(gateway_id=gateway_id, public_key=public, lifetime=LIFETIME)
    known = await signer.public_keys()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    identity = GatewayIdentity(
        gateway_id=gateway_id,
        key_pem=private.decode(),
        chain_pem=to_pem(issued.certificate) + to_pem(issued.intermediate),
        root_pem=to_pem(known.root()),
    )
    write_identity(layout.gateway_identity, identity)
    return issued.serial


def is_missing(layout: Layout, now: datetime) -> bool:
    """Whether there is none, or one that has run out while nothing ran: the gateway renews a live one by itself."""
    return not layout.gateway_identity.exists() or has_run_out(read_identity(layout.gateway_identity), now)


def apply_names(tx: Transaction, names: tuple[str, ...]) -> bool:
    """Let users reach the gateway under the names that the settings say now; whether they were others before."""
    gateway = next((one for one in tx.gateways.list() if one.name == EMBEDDED_GATEWAY), None)
    if gateway is None or gateway.names == names:
        return False
    taken = {name: one.name for one in tx.gateways.list() if one.id != gateway.id for name in one.names}
    shared = next((name for name in names if name in taken), None)
    if shared is not None:
        raise BadSettings(f"reading names: the gateway {taken[shared]} is called {shared} already")
    tx.gateways.rebind(gateway.id, gateway.x509_serial, names, gateway.previous_serial)
    fields = {"name": gateway.name, "names": list(names)}
    note(tx, GATEWAY_NAMES_CHANGED, OPERATOR, fields, Subjects(gateway=gateway.id))
    return True
