"""The identity of the gateway that runs beside its authority: made by `init`, renewed by `serve` before it runs out."""

from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.api.signer.client import SignerClient
from doorward.base.ids import GatewayId
from doorward.domain.certificates.x509_check import to_pem
from doorward.main.gateway_identity import GatewayIdentity, is_due, read_identity, write_identity
from doorward.main.layout import Layout

EMBEDDED_GATEWAY: Final = "embedded"
LIFETIME: Final = timedelta(days=30)
LOOK_EACH_SECONDS: Final = 6 * 3600.0


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


async def renew_if_due(layout: Layout, now: datetime) -> bool:
    """Renew the identity when it has run out, or soon will."""
    identity = read_identity(layout.gateway_identity)
    if not is_due(identity, now):
        return False
    async with SignerClient(layout.signer_socket) as signer:
        await issue_identity(signer, layout, identity.gateway_id)
    return True
