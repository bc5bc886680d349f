"""From a client certificate to a caller: looked up at each call, so that an ended sign-in ends now."""

from collections import OrderedDict
from typing import Final

from doorward.authority.callers import GatewayCaller, Peer, UserCaller
from doorward.authority.policy import UnknownSubject
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Refused
from doorward.base.ids import GatewayId, UserId
from doorward.domain.access.locks import facts_of, locks_hit
from doorward.domain.certificates.refusals import CertificateRefused
from doorward.domain.certificates.x509_check import check_x509
from doorward.domain.certificates.x509_names import X509Identity, X509Kind

KNOWN_MAX: Final = 10_000


class NotIdentified(Refused):
    """The connection proves nobody whom this call is for."""

    code = "not_signed_in"


class ShutOut(NotIdentified):
    """The sign-in is one of ours, and its user is disabled or locked: signing in again would not help."""

    code = "shut_out"


class Identifier:
    """Remembers which certificates were verified; says who calls."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._verified: OrderedDict[bytes, X509Identity] = OrderedDict()

    async def user(self, peer: Peer) -> UserCaller:
        """The user with a live sign-in, or `NotIdentified`."""
        identity = self._identity(peer, X509Kind.USER)
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
            if locks_hit(view.locks, facts_of(subject), tx.now):
                raise ShutOut("your access is locked")
            return UserCaller(user_id, subject.user_name, sign_in.id, peer.source)

        return await self.services.store.read(work)

    async def gateway(self, peer: Peer) -> GatewayCaller:
        """The joined gateway, or `NotIdentified`."""
        identity = self._identity(peer, X509Kind.GATEWAY)

        def work(tx: Transaction) -> GatewayCaller:
            found = tx.gateways.get(GatewayId(identity.id))
            if found is None or found.disabled:
                raise NotIdentified("this gateway has not joined, or not any more")
            return GatewayCaller(found.id, found.name, peer.source)

        return await self.services.store.read(work)

    def _identity(self, peer: Peer, kind: X509Kind) -> X509Identity:
        if peer.certificate is None:
            raise NotIdentified("you are not signed in")
        now = self.services.clock.now()
        keys = self.services.keys
        intermediates = keys.x509_user if kind is X509Kind.USER else keys.x509_gateway
        # Verified each time that it is new here; the times are checked by TLS at the connection's start, and a
        # connection is short compared with the sign-in that is looked up at each call.
        known = self._verified.get(peer.certificate)
        if known is None or known.kind is not kind:
            try:
                known = check_x509(
                    peer.certificate,
                    kind=kind,
                    intermediates=intermediates,
                    installation_id=self.services.installation_id,
                    now=now,
                )
            except CertificateRefused as error:
                raise NotIdentified(error.message) from error
            self._verified[peer.certificate] = known
            if len(self._verified) > KNOWN_MAX:
                self._verified.popitem(last=False)
        return known
