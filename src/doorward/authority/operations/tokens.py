"""One-time tokens by which machines join: one kind, one name, one use, ten minutes."""

import base64
from dataclasses import dataclass, field
from typing import Any

from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.base.clock import to_micros
from doorward.base.entropy import Entropy
from doorward.base.errors import Refused
from doorward.domain.access.gateway_scope import Scope
from doorward.domain.audit.event import ANONYMOUS, Actor, Subjects
from doorward.domain.audit.events_machines import TOKEN_ISSUED, TOKEN_REDEEMED
from doorward.domain.identity.machines import TOKEN_LIFETIME, JoinToken, TokenKind, hash_token

TOKEN_BYTES = 20


class TokenRefused(Refused):
    """No such token, spent, too late, or for something else; which of them is not said."""

    code = "token_refused"


def draw_token(entropy: Entropy) -> str:
    """160 random bits in base32."""
    return base64.b32encode(entropy.token(TOKEN_BYTES)).decode("ascii").lower()


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token about to be given: the token itself, what it lets in, and of which accounts (or names) it speaks."""

    token: str
    kind: TokenKind
    name: str
    target_id: str
    accounts: tuple[str, ...] = ()
    scope: Scope = field(default_factory=dict)


def add_token(tx: Transaction, new: NewToken, actor: Actor) -> JoinToken:
    """Store a token's hash and note it."""
    row = JoinToken(
        token_hash=hash_token(new.token),
        kind=new.kind,
        name=new.name,
        target_id=new.target_id,
        accounts=new.accounts,
        expires=tx.now + TOKEN_LIFETIME,
        created_by=actor.id or str(actor.kind),
        scope=new.scope,
    )
    tx.join_tokens.add(row)
    fields: dict[str, Any] = {"kind": str(new.kind), "name": new.name, "expires_micros": to_micros(row.expires)}
    if new.kind is TokenKind.GATEWAY:
        fields["names"] = list(new.accounts)
        fields["scope"] = {key: list(values) for key, values in new.scope.items()}
    note(tx, TOKEN_ISSUED, actor, fields)
    return row


def look_at(tx: Transaction, token: str, kind: TokenKind) -> JoinToken:
    """The token if it is open and of that kind, without spending it."""
    row = tx.join_tokens.get(hash_token(token))
    if row is None or row.kind is not kind or row.used is not None or row.expires <= tx.now:
        raise TokenRefused("joining: there is no such token, or it was used, or it is too late")
    return row


def spend(tx: Transaction, token: str, kind: TokenKind, bound_key: str, source: str) -> JoinToken:
    """Spend it for one key; `TokenRefused` when somebody was faster."""
    row = look_at(tx, token, kind)
    if not tx.join_tokens.spend(row.token_hash, tx.now, bound_key):
        raise TokenRefused("joining: there is no such token, or it was used, or it is too late")
    fields = {"kind": str(kind), "name": row.name, "bound_key": bound_key, "source": source}
    note(tx, TOKEN_REDEEMED, ANONYMOUS, fields, Subjects())
    return row
