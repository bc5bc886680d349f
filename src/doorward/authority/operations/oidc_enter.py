"""Letting a proven identity in: its user found or made, roles and traits set anew, a sign-in issued.

Identity is (issuer, sub) and nothing else: a name or an address in the claims never leads to a user that is there. What
the first sign-in makes, user, person and link, is made in the transaction that stores the sign-in, or not at all.
"""

from dataclasses import dataclass

from doorward.api.bodies.sign_ins import SignedIn
from doorward.authority.callers import Peer
from doorward.authority.oidc.tokens import Tokens
from doorward.authority.operations.issue import ClientKeys, Proven, issue
from doorward.authority.operations.oidc_flows import Connected
from doorward.authority.operations.oidc_users import Arrival, FreshIds, entrant, store_entrant
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import Conflict
from doorward.base.ids import PersonId, UserId, new_id
from doorward.domain.identity.oidc_claims import claimed
from doorward.domain.identity.oidc_flow import OidcFlow
from doorward.domain.identity.oidc_sign_in import OidcSignIn, claims_times, length_of
from doorward.domain.identity.oidc_tokens import Identity
from doorward.domain.identity.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Proof:
    """A spent flow and what it proved; `method` is what the sign-in will say of how."""

    flow: OidcFlow
    connected: Connected
    identity: Identity
    tokens: Tokens
    method: str


async def enter(services: Services, peer: Peer, proof: Proof) -> SignedIn:
    """A sign-in for the identity; `EntryRefused` for one who is disabled, locked, or mapped to what is not there."""
    identity, tokens, connector = proof.identity, proof.tokens, proof.connected.connector
    ids = FreshIds(UserId(new_id(services.entropy)), PersonId(new_id(services.entropy)))
    arrival = Arrival(identity, claimed(connector, identity.claims), ids)
    one = await services.store.read(lambda tx: entrant(services, tx, arrival))

    def spend(tx: Transaction) -> None:
        again = entrant(services, tx, arrival)
        if (again.stored.id, again.stored.name) != (one.stored.id, one.stored.name):
            raise Conflict("signing in: two sign-ins of a new user met; try again")
        store_entrant(services, tx, again, arrival)

    def then(tx: Transaction, sign_in: SignIn) -> None:
        due, too_old = claims_times(connector, tx.now)
        row = OidcSignIn(
            sign_in_id=sign_in.id,
            user_id=sign_in.user_id,
            connector_id=proof.connected.id,
            issuer=identity.issuer,
            sub=identity.sub,
            sid=identity.sid,
            checked=tx.now,
            due=due,
            too_old=too_old,
        )
        tx.oidc_sign_ins.add(row)
        if tokens.refresh_token is not None:
            # Before the commit, so that no look at what is due can come between; a sign-in that is undone is
            # forgotten at the next look.
            services.oidc.refresh_tokens.keep(sign_in.id, tokens.refresh_token)

    length = length_of(connector, refreshable=tokens.refresh_token is not None)
    proven = Proven(one.stored, proof.method, length, proof.flow.client, peer, claimed=arrival.got)
    signed_in = await issue(services, proven, ClientKeys(proof.flow.ssh_key, proof.flow.x509_key), spend, then)
    services.bell.ring()
    return signed_in
