"""What a proven user gets: one sign-in, an SSH and an X.509 certificate for keys made on the client.

The certificates are signed first and count only once the sign-in is stored with their serials, in the transaction that
also spends the factor: a code that was raced leaves nothing usable behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_pem_x509_csr

from doorward.api.bodies.sign_ins import GatewayNames, Keys, SignedIn
from doorward.api.signer.messages import SignedSsh
from doorward.authority.callers import Peer
from doorward.authority.ports import StoredResource, Transaction
from doorward.authority.services import Services
from doorward.authority.throttle import network_of
from doorward.base.clock import to_micros
from doorward.base.errors import Invalid
from doorward.base.ids import SignInId, UserId, new_id
from doorward.domain.audit.event import Actor, Event, Subjects
from doorward.domain.audit.events_people import USER_SIGNED_IN
from doorward.domain.certificates.ssh_check import authority_of
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.certificates.x509_issue import public_key_of_csr
from doorward.domain.identity.oidc_claims import Claimed
from doorward.domain.identity.oidc_sign_in import METHOD_DEVICE
from doorward.domain.identity.sign_in import SignIn
from doorward.wire.ssh.public_key import fingerprint, parse_public_key_line, public_key_line


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom the factors proved, how, and for how long; `claimed` is what a provider's word has just given."""

    user: StoredResource
    method: str
    length: timedelta
    client: str
    peer: Peer
    claimed: Claimed | None = None


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """The client's public keys: an SSH blob, and DER SubjectPublicKeyInfo."""

    ssh: bytes
    x509: bytes


def client_keys(keys: Keys) -> ClientKeys:
    """Parse what a client sent; a request for an X.509 certificate must be signed with its own key."""
    blob = parse_public_key_line(keys.ssh_public_key)
    try:
        request = load_pem_x509_csr(keys.x509_request_pem.encode())
    except ValueError as error:
        raise Invalid("reading the client's keys: the certificate request can not be read") from error
    return ClientKeys(blob, public_key_of_csr(request.public_bytes(serialization.Encoding.DER)))


async def issue(
    services: Services,
    proven: Proven,
    keys: ClientKeys,
    spend: Callable[[Transaction], None],
    then: Callable[[Transaction, SignIn], None] | None = None,
) -> SignedIn:
    """Sign, then store `spend`, sign-in, `then` and event in one transaction; both may raise to undo everything."""
    services.clock_guard.check()
    user_id = UserId(proven.user.id)
    identity = SignInId(new_id(services.entropy))
    typed = proven.method == METHOD_DEVICE
    face_keys = services.keys.face_host
    ssh = await services.signer.sign_user_ssh(
        user_id=user_id, sign_in_id=identity, public_key=keys.ssh, lifetime=proven.length, typed_code=typed
    )
    tls = await services.signer.issue_user_x509(
        user_id=user_id, sign_in_id=identity, public_key=keys.x509, lifetime=proven.length, typed_code=typed
    )

    def work(tx: Transaction) -> tuple[datetime, list[GatewayNames]]:
        spend(tx)
        sign_in = SignIn(
            id=identity,
            user_id=user_id,
            created=tx.now,
            expires=tx.now + proven.length,
            ssh_serial=ssh.serial,
            x509_serial=tls.serial,
            method=proven.method,
            source=proven.peer.source,
            client=proven.client,
            ssh_authority=authority_of(ssh.certificate),
            face_authorities=tuple(fingerprint(blob) for blob in face_keys),
        )
        tx.sign_ins.add(sign_in)
        if then is not None:
            then(tx, sign_in)
        tx.events.append(_event(services, tx, proven, sign_in, ssh))
        return sign_in.expires, [GatewayNames([*one.names]) for one in tx.gateways.list() if not one.disabled]

    expires, gateways = await services.store.write(work)
    chain = to_pem(tls.certificate) + to_pem(tls.intermediate)
    return SignedIn(
        user_id=user_id,
        user_name=proven.user.name,
        sign_in_id=identity,
        expires=expires.isoformat(),
        ssh_certificate=public_key_line(ssh.certificate, proven.user.name),
        x509_chain_pem=chain,
        x509_root_pem=to_pem(services.keys.x509_root),
        face_authorities=[public_key_line(blob) for blob in face_keys],
        gateways=gateways,
        node_suffix=services.node_suffix,
        installation_id=services.installation_id,
        device=services.known_devices.mark(proven.user.name, identity, services.clock.now()),
    )


def _event(services: Services, tx: Transaction, proven: Proven, sign_in: SignIn, ssh: SignedSsh) -> Event:
    fields: dict[str, Any] = {
        "method": sign_in.method,
        "ssh_serial": str(sign_in.ssh_serial),
        "x509_serial": sign_in.x509_serial,
        "ssh_key_id": ssh.key_id,
        "source_network": network_of(sign_in.source),
        "until_micros": to_micros(sign_in.expires),
        "user_name": proven.user.name,
        "source": sign_in.source,
        "client": sign_in.client,
        **_access(services, tx, proven, sign_in),
    }
    subjects = Subjects(user=sign_in.user_id, sign_in=sign_in.id)
    return Event(USER_SIGNED_IN, to_micros(tx.now), Actor.user(sign_in.user_id), subjects, fields)


def _access(services: Services, tx: Transaction, proven: Proven, sign_in: SignIn) -> dict[str, Any]:
    if proven.claimed is not None:  # the user may have been changed in this very transaction: no view holds that yet
        traits = {name: list(values) for name, values in proven.claimed.traits.items()}
        return {"roles": list(proven.claimed.roles), "traits": traits}
    found = services.policy.view(tx).users.get(sign_in.user_id)
    return {"roles": list(found[1].roles) if found is not None else []}
