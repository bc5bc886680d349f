"""Second factors and passwords of users in the lab, and the client's side of enrolment."""

from datetime import timedelta

import pyotp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.authorities import ed25519_key
from tests.support.authority_lab import PEER, AuthorityLab

from doorward.api.bodies.sign_ins import (
    BeginEnrolment,
    CompleteEnrolment,
    EnrolmentBegun,
    Keys,
    SignedIn,
    SignInWithPassword,
)
from doorward.authority.callers import Peer
from doorward.authority.operations.enrol import begin_enrolment, complete_enrolment
from doorward.authority.operations.sign_in import sign_in
from doorward.authority.operations.users import add_invitation, draw_code
from doorward.base.ids import UserId, new_id
from doorward.domain.audit.event import OPERATOR
from doorward.domain.identity.factors import Password, TotpFactor
from doorward.domain.identity.invitation import INVITATION_LIFETIME, InvitationPurpose
from doorward.stores.sql.transaction import SqlTransaction
from doorward.wire.ssh.public_key import public_key_line

PASSWORD = "correct horse battery staple"


async def add_factor(lab: AuthorityLab, user_id: UserId, *, confirmed: bool = True) -> str:
    """A time-based factor, sealed by the signer; answers its secret."""
    enrolled = await lab.services.signer.enrol_totp(user_id=user_id)
    now = lab.clock.now()
    factor = TotpFactor(new_id(lab.entropy), user_id, enrolled.sealed, 0, now, "enrol", now if confirmed else None)
    await lab.store.write(lambda tx: tx.totp.add(factor))
    return enrolled.secret


async def add_password(lab: AuthorityLab, user_id: UserId, password: str = PASSWORD) -> None:
    """The user's password."""
    hashed = await lab.services.passwords.hash(password)
    await lab.store.write(lambda tx: tx.passwords.put(Password(user_id, hashed, tx.now)))


def code_at(lab: AuthorityLab, secret: str, *, steps: int = 0) -> str:
    """What the user's device shows now, or some steps of 30 seconds from now."""
    return pyotp.TOTP(secret).at(int(lab.clock.now().timestamp()) + 30 * steps)


def client_keys(seed: int = 1) -> Keys:
    """Public halves of keys that a client made."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    return Keys(public_key_line(ed25519_key(seed)[1], "me"), pem)


async def enrolled_user(lab: AuthorityLab, name: str, *roles: str) -> tuple[UserId, str]:
    """A user with password and confirmed factor, not signed in; answers id and secret."""
    user_id = await lab.user(name, *roles)
    await add_password(lab, user_id)
    return user_id, await add_factor(lab, user_id)


async def invite(
    lab: AuthorityLab,
    name: str,
    purpose: InvitationPurpose = InvitationPurpose.ENROL,
    lifetime: timedelta = INVITATION_LIFETIME,
) -> str:
    """A code for a declared user, as the host's terminal would print it."""
    new = draw_code(lab.entropy, purpose, lifetime)

    def work(tx: SqlTransaction) -> None:
        stored = tx.resources.get("user", name)
        assert stored is not None
        add_invitation(tx, stored, new, OPERATOR)

    await lab.store.write(work)
    return new.code


async def begin(lab: AuthorityLab, code: str, peer: Peer = PEER) -> EnrolmentBegun:
    """Show a code."""
    return await begin_enrolment(lab.services, peer, BeginEnrolment(code))


async def complete(
    lab: AuthorityLab, code: str, begun: EnrolmentBegun, *, password: str = PASSWORD, peer: Peer = PEER, totp: str = ""
) -> SignedIn:
    """Spend a code."""
    shown = totp or code_at(lab, begun.totp_secret)
    said = CompleteEnrolment(code, begun.factor_id, password, shown, client_keys(), "lab")
    return await complete_enrolment(lab.services, peer, said)


async def sign_in_with(
    lab: AuthorityLab, name: str, code: str, *, password: str = PASSWORD, peer: Peer = PEER, device: str = ""
) -> SignedIn:
    """Name, password and code in one call."""
    return await sign_in(lab.services, peer, SignInWithPassword(name, password, code, client_keys(), "lab", device))
