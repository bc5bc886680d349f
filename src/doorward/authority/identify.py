"""From a client certificate to a caller: looked up at each call, so that an ended sign-in ends now."""

from collections import OrderedDict
from typing import Final

from doorward.authority.callers import GatewayCaller, Peer, UserCaller
from doorward.authority.policy import UnknownSubject
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.base.ids import GatewayId, UserId
from doorward.domain.access.locks import facts_of, locked_text, locks_hit
from doorward.domain.certificates.refusals import CertificateRefused
from doorward.domain.certificates.x509_check import check_x509, load_x509
from doorward.domain.certificates.x509_names import X509Identity, X509Kind
from doorward.domain.identity.machines import OLD_IDENTITY_OVERLAP, Gateway

KNOWN_MAX: Final = 10_000


class NotIdentified(Refused):
    """The connection proves nobody whom this call is for."""

    code = "not_signed_in"


class ShutOut(NotIdentified):
    """The sign-in is one of ours, and its user is disabled or locked: signing in again would not help."""

    code = "shut_out"


class Identifier:
    """Remembers which certificates were verified, with their serials; says who calls."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._verified: OrderedDict[bytes, tuple[X509Identity, str]] = OrderedDict()

    async def user(self, peer: Peer) -> UserCaller:
        """The user with a live sign-in, or `NotIdentified`."""
        identity, _ = self._identity(peer, X509Kind.USER)
        user_id = UserId(identity.id)

        def work(tx: Transaction) -> UserCaller:
            sign_in = tx.sign_ins.get(identity.sign_in_id) if identity.sign_in_id else None
            if sign_in is None or sign_in.user_id != user_id or not sign_in.is_live(tx.now):
                raise NotIdentified("your sign-in is over")
            view = self.services.policy.view(tx)
            try:
                subject = view.prepared(user_id, sign_in.id).subject
            except UnknownSubject as error:
                raise ShutOut("your user was disabled or removed") from error
            if hit := locks_hit(view.locks, facts_of(subject), tx.now):
                raise ShutOut(locked_text(hit))
            return UserCaller(user_id, subject.user_name, sign_in.id, peer.source)

        return await self.services.store.read(work)

    async def gateway(self, peer: Peer) -> GatewayCaller:
        """The joined gateway, by the certificate that counts for it; else `NotIdentified`."""
        identity, serial = self._identity(peer, X509Kind.GATEWAY)

        def work(tx: Transaction) -> Gateway:
            found = tx.gateways.get(GatewayId(identity.id))
            if found is None or not found.is_shown_by(serial, tx.now):
                raise NotIdentified("this gateway has not joined, or not any more, or showed an old certificate")
            return found

        found = await self.services.store.read(work)
        if serial == found.x509_serial and found.previous_serial and found.previous_until is None:
            await self.services.store.write(lambda tx: _let_previous_end(tx, found.id, serial))
        return GatewayCaller(found.id, found.name, peer.source, serial, frozenset(found.names))

    def _identity(self, peer: Peer, kind: X509Kind) -> tuple[X509Identity, str]:
        if peer.certificate is None:
            raise NotIdentified("you are not signed in")
        now = self.services.clock.now()
        keys = self.services.keys
        intermediates = keys.x509_user if kind is X509Kind.USER else keys.x509_gateway
        # Verified each time that it is new here; the times are checked by TLS at the connection's start, and a
        # connection is short compared with the sign-in that is looked up at each call.
        known = self._verified.get(peer.certificate)
        if known is None or known[0].kind is not kind:
            try:
                identity = check_x509(
                    peer.certificate,
                    kind=kind,
                    intermediates=intermediates,
                    installation_id=self.services.installation_id,
                    now=now,
                )
            except CertificateRefused as error:
                raise NotIdentified(error.message) from error
            known = identity, f"{load_x509(peer.certificate).serial_number:x}"
            self._verified[peer.certificate] = known
            if len(self._verified) > KNOWN_MAX:
                self._verified.popitem(last=False)
        return known


def _let_previous_end(tx: Transaction, gateway_id: GatewayId, serial: str) -> None:
    found = tx.gateways.get(gateway_id)
    if found is not None and found.x509_serial == serial and found.previous_serial and found.previous_until is None:
        tx.gateways.let_previous_end(gateway_id, tx.now + OLD_IDENTITY_OVERLAP)
