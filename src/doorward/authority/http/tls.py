"""TLS of the authority's one listener: contexts for people and one for gateways, chosen by the name asked for.

People may show a user certificate or none; gateways must show a gateway's. Each context trusts one intermediate only,
so that a certificate of the other kind does not even finish the handshake. Private keys reach OpenSSL through an
anonymous file in memory, since its API takes paths and a key must not touch the disk.
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doorward.api.client.trust import PINNED_SERVER_NAME
from doorward.authority.services import Services
from doorward.base.errors import Invalid
from doorward.domain.certificates.refusals import WrongPrincipals
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.certificates.x509_names import parse_identity_uri
from doorward.net.doors import Stage
from doorward.net.tls_entry import Entrance, Peer, Shown
from doorward.wire.tls.client_hello import ClientHello

GATEWAY_SERVER_NAME: Final = "gateways.doorward.internal"


class BadTlsFiles(Invalid):
    """The certificate or key of `tls:` can not be used."""

    code = "bad_tls_files"


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """The contexts, valid until the certificates run out. `people` may show a public certificate, `pinned` never."""

    people: ssl.SSLContext
    pinned: ssl.SSLContext
    gateways: ssl.SSLContext

    def chosen(self, server_name: str | None) -> ssl.SSLContext:
        """The context for whoever asks for this name."""
        return {GATEWAY_SERVER_NAME: self.gateways, PINNED_SERVER_NAME: self.pinned}.get(server_name or "", self.people)


def entrance(contexts: TlsContexts, hello: ClientHello, peer: Peer) -> Entrance | None:
    """How to let somebody in; None closes the connection.

    A gateway speaks for itself: under the name that gateways ask for no source is claimed by another, not even by a
    gateway of ours.
    """
    context = contexts.chosen(hello.server_name)
    if context is not contexts.gateways:
        return Entrance(context, Stage.INSIDE, holder_in)
    return Entrance(context, Stage.RESERVED, holder_in) if peer.via is None else None


def holder_in(shown: Shown) -> str:
    """Which user or gateway a verified certificate names, whatever the sign-in; what is none of ours is one holder."""
    uris = [value for kind, value in shown.get("subjectAltName", ()) if kind == "URI"]
    try:
        identity = parse_identity_uri(uris[0] if uris else "")
    except WrongPrincipals:
        return "unknown"
    return f"{identity.kind} {identity.id}"


async def make_contexts(services: Services, files: tuple[Path, Path] | None) -> TlsContexts:
    """Fresh keys and certificates from the signer; `files` (certificate, key) replace them for people without a pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    issued = await services.signer.issue_authority_x509(
        names=[*services.names, GATEWAY_SERVER_NAME, PINNED_SERVER_NAME], public_key=spki
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = (to_pem(issued.certificate) + to_pem(issued.intermediate)).encode()
    pinned = _context(services.keys.x509_user, ssl.CERT_OPTIONAL)
    gateways = _context(services.keys.x509_gateway, ssl.CERT_REQUIRED)
    for context in (pinned, gateways):
        _load(context, chain, key_pem)
    if files is None:
        return TlsContexts(pinned, pinned, gateways)
    people = _context(services.keys.x509_user, ssl.CERT_OPTIONAL)
    try:
        people.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        raise BadTlsFiles(f"loading the certificate {files[0]}: {error}") from error
    return TlsContexts(people, pinned, gateways)


def _context(trusted: Sequence[bytes], verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = verify
    # The intermediate itself is the anchor: nothing else under the same root is accepted here.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata="".join(to_pem(one) for one in trusted))
    return context


def _load(context: ssl.SSLContext, chain_pem: bytes, key_pem: bytes) -> None:
    certificate = _in_memory("certificate", chain_pem)
    key = _in_memory("key", key_pem)
    try:
        context.load_cert_chain(f"/proc/self/fd/{certificate}", f"/proc/self/fd/{key}")
    finally:
        os.close(certificate)
        os.close(key)


def _in_memory(name: str, content: bytes) -> int:
    number = os.memfd_create(f"doorward-{name}", os.MFD_CLOEXEC)
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number
