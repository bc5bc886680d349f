"""Back-channel log-out: the provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0).

The call is open, since the provider has no certificate of ours: what it brings must be signed by the connector's
provider, fresh, and new. It ends the sign-ins of a subject or of a session at the provider, and what runs under them.
Bad orders are noted and slow nobody: else a stranger beside the provider could keep its real orders out.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from doorward.authority.callers import Peer
from doorward.authority.operations.oidc_flows import named
from doorward.authority.operations.oidc_refresh import end_oidc
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Invalid, Missing, Refused
from doorward.domain.identity.oidc_sign_in import OidcSignIn
from doorward.domain.identity.oidc_signatures import TOKEN_CHARACTERS_MAX
from doorward.domain.identity.oidc_tokens import LOGOUT_TOKEN_AGE_MAX, SKEW
from doorward.domain.identity.sign_in import SignInEnd

FORM_BYTES_MAX: Final = TOKEN_CHARACTERS_MAX + 1024
FORM_FIELDS_MAX: Final = 8


class LogoutRefused(Invalid):
    """The log-out does not count; the standard wants 400 (2.8)."""

    code = "logout_refused"


class LogoutReplayed(LogoutRefused):
    """This token came before."""


async def backchannel_logout(services: Services, peer: Peer, connector_name: str, body: bytes) -> int:
    """End what the token in the form orders; how many sign-ins that were."""
    try:
        return await _logout(services, connector_name, _token(body))
    except (Invalid, Missing, Refused) as error:
        services.throttle.noted(peer.source, error.code)
        raise LogoutRefused(error.message) from error


async def _logout(services: Services, connector_name: str, token: str) -> int:
    connected = await services.store.read(lambda tx: named(services, tx, connector_name))
    order = await services.oidc.identities.logout_order(connected.connector, token)
    digest = hashlib.sha256(b"doorward/logout/v1\x00" + f"{order.issuer}\x00{order.jti}".encode()).digest()

    def find(tx: Transaction) -> Sequence[OidcSignIn]:
        tx.oidc_sign_ins.forget_logouts(tx.now)
        # Kept until the token would be too old anyway, on both sides of the skew.
        if not tx.oidc_sign_ins.spend_logout(digest, order.issued + LOGOUT_TOKEN_AGE_MAX + 2 * SKEW):
            raise LogoutReplayed("logging out: this order came before")
        found = tx.oidc_sign_ins.live_of(order.issuer, order.sub, order.sid, tx.now)
        return [one for one in found if one.connector_id == connected.id]

    return await end_oidc(services, find, SignInEnd.PROVIDER_LOGGED_OUT)


def _token(body: bytes) -> str:
    if len(body) > FORM_BYTES_MAX:
        raise LogoutRefused("logging out: the form is too long")
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError as error:
        raise LogoutRefused("logging out: a form with a logout_token is expected") from error
    fields: Mapping[str, str] = dict(pairs)
    token = fields.get("logout_token", "")
    if not token or len(fields) != len(pairs):
        raise LogoutRefused("logging out: a form with a logout_token is expected")
    return token
