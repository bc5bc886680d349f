"""Plain values for the store's tables, one of each kind, that belong together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import GatewayId, NodeId, PersonId, SessionId, SignInId, UserId, new_id
from doorward.domain.identity.sign_in import SignIn
from doorward.domain.sessions.record import SessionRecord
from doorward.domain.sessions.states import SessionState

NOW = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
DEADLINE = NOW + timedelta(minutes=30)
USER = UserId(new_id(SeededEntropy(101)))
OTHER_USER = UserId(new_id(SeededEntropy(102)))
PERSON = PersonId(new_id(SeededEntropy(103)))
NODE = NodeId(new_id(SeededEntropy(104)))
GATEWAY = GatewayId(new_id(SeededEntropy(105)))
SESSION = SessionId(new_id(SeededEntropy(106)))
SIGN_IN_ID = SignInId(new_id(SeededEntropy(107)))

SIGN_IN = SignIn(
    id=SIGN_IN_ID,
    user_id=USER,
    created=NOW,
    expires=NOW + timedelta(hours=8),
    ssh_serial=2**64 - 3,
    x509_serial="00ff" * 10,
    method="password+totp",
    source="192.0.2.7",
    client="dw 0.1.0",
)


def session(number: int = 0, **changes: Any) -> SessionRecord:
    """A session that is opening; each `number` is one of its own."""
    plain = SessionRecord(
        id=SessionId(new_id(SeededEntropy(200 + number))) if number else SESSION,
        state=SessionState.OPENING,
        proof_digest=bytes([number]) * 32,
        proof_kind="hostbound",
        user_id=USER,
        user_name="alice",
        sign_in_id=SIGN_IN_ID,
        node_id=NODE,
        node_name="prod-web-01",
        login="root",
        gateway_id=GATEWAY,
        source="192.0.2.7",
        basis="standing",
        obligations={"record": {"shell": "output"}, "max": 1800},
        epoch=4,
        opened=NOW + timedelta(seconds=number),
        deadline=DEADLINE,
        level_asked="output",
    )
    return replace(plain, **changes)
