"""What keeps an allowed session from opening: demands that the circumstances do not meet, and the factor that is owed.

Told plainly, since its user may know of the node. Only a code of a second factor can be given while signing in, so only
that is asked for; all else is a refusal of its own. The factor comes last: no code is asked for, spent or counted for a
session that does not open anyway.
"""

from dataclasses import dataclass, replace
from typing import Final

from doorward.authority.callers import GatewayCaller
from doorward.authority.factor_failures import count_failure, is_blocked
from doorward.authority.operations.proofs import Claim
from doorward.authority.operations.typed_codes import TypedCode
from doorward.authority.policy import PolicyView
from doorward.authority.ports import Transaction
from doorward.base.errors import Refused
from doorward.base.ids import SessionId
from doorward.domain.access.criticality import is_critical
from doorward.domain.access.gateway_scope import Scope
from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.obligations import NO_TIME, Obligations
from doorward.domain.access.question import Context, RecentFactor
from doorward.domain.access.readiness import Unmet, unmet
from doorward.domain.access.verdict import Allow
from doorward.domain.audit.event import Event
from doorward.domain.identity.factors import GivenFactor
from doorward.domain.identity.machines import NodeHost
from doorward.domain.identity.sign_in import SignIn
from doorward.domain.sessions.record import UNBOUND


class FactorRequired(Refused):
    """The session needs a code of the second factor, typed for this very session."""

    code = "factor_required"


class CodeRefused(Refused):
    """A code was typed, and is not one that opens anything; another may be tried."""

    code = "factor_refused"


class CodesBlocked(Refused):
    """There were too many wrong codes: for a while right ones are refused too."""

    code = "factor_blocked"


class PasskeyRequired(Refused):
    """Allowed, but with a passkey, which no ssh client asks for."""

    code = "passkey_required"


class DeviceRequired(Refused):
    """Allowed, but from a trusted device."""

    code = "trusted_device_required"


class SourcePinned(Refused):
    """Allowed, but from the address of the sign-in alone."""

    code = "source_pinned"


class NodeUnverified(Refused):
    """Allowed, but nobody has vouched for the node's host key yet."""

    code = "node_unverified"


class ProofUnbound(Refused):
    """Allowed, but the client signed neither the node nor what it was shown, and the node is critical."""

    code = "proof_unbound"


class TooManySessions(Refused):
    """Allowed, but as many connections are open as the role permits."""

    code = "too_many_sessions"


# What can not be made good while signing in; a code of a second factor can.
_FINAL: Final[dict[Unmet, tuple[type[Refused], str]]] = {
    Unmet.WEBAUTHN: (PasskeyRequired, "{name} needs a passkey for each session, which ssh can not ask for"),
    Unmet.TRUSTED_DEVICE: (DeviceRequired, "{name} needs a trusted device"),
    Unmet.SOURCE_ADDRESS: (SourcePinned, "{name} can be reached only from the address at which you signed in"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt, the code that was typed for it, and the labels of the nodes that its gateway may open."""

    claim: Claim
    caller: GatewayCaller
    session_id: SessionId
    epoch: int
    typed: TypedCode | None
    scope: Scope


@dataclass(frozen=True, slots=True)
class Allowed:
    """What admission found out on its way to an allow."""

    view: PolicyView
    sign_in: SignIn
    context: Context
    decision: Allow
    noted: Event
    user_name: str


def reachable(tx: Transaction, asked: Asked, found: Allowed, host: NodeHost | None) -> NodeHost | Refused:
    """The node's host as it is known, or whatever no code can make good."""
    claim, obligations = asked.claim, found.decision.obligations
    name = claim.node_name
    for owed in unmet(obligations, found.context, tx.now):
        if owed in _FINAL:
            kind, line = _FINAL[owed]
            return kind(line.format(name=name))
    target = found.view.targets[found.view.node_names[name]]
    if claim.proof_kind == UNBOUND and is_critical(target.labels):
        return ProofUnbound(
            f"{name} is critical, and this ssh client signs in without saying where: "
            "use OpenSSH 8.9 or later, or ssh LOGIN@NODE@GATEWAY"
        )
    if host is None:
        return NodeUnverified(f"{name} is not verified yet: an administrator runs dw nodes setup {name}")
    limit = obligations.max_connections
    if tx.sessions.live_count_of(claim.identity.user_id) >= limit:
        return TooManySessions(f"you have {limit} open connections already, which is the most that your roles permit")
    return host


def meet_factor(tx: Transaction, asked: Asked, found: Allowed) -> Refused | GivenFactor | None:
    """Spend the code that was typed; the factor by which the session opens, None where it needs none."""
    claim, obligations = asked.claim, found.decision.obligations
    user_id = claim.identity.user_id
    recent = _recent_factor(tx, claim, obligations)
    typed = asked.typed
    if typed is None or typed.spends is None:
        context = found.context if recent is None else replace(found.context, recent_factor=_as_recent(recent))
        if Unmet.SECOND_FACTOR not in unmet(obligations, context, tx.now):
            return recent
        return _owed(tx, asked, found)
    # Looked at again here: of many codes tried at once, those that wait are refused when the first have failed.
    if is_blocked(tx, user_id):
        return _blocked()
    if not tx.totp.advance(*typed.spends):
        return _wrong(tx, asked, found, is_used=True)
    tx.failures.clear(user_id)
    given = GivenFactor(user_id, claim.source, SecondFactor.YES, tx.now)
    tx.recent_factors.put(given)
    return given


def has_interval(obligations: Obligations) -> bool:
    """Whether a factor is asked for that counts for some time, for more than one session."""
    return bool(obligations.require_session_mfa) and obligations.mfa_verification_interval > NO_TIME


def _recent_factor(tx: Transaction, claim: Claim, obligations: Obligations) -> GivenFactor | None:
    """What was given lately, looked up only when it can matter."""
    return tx.recent_factors.get(claim.identity.user_id, claim.source) if has_interval(obligations) else None


def _as_recent(given: GivenFactor) -> RecentFactor:
    return RecentFactor(SecondFactor(given.level), given.at, given.source)


def _owed(tx: Transaction, asked: Asked, found: Allowed) -> Refused:
    if is_blocked(tx, asked.claim.identity.user_id):
        return _blocked()
    if asked.typed is None:
        return FactorRequired(f"{asked.claim.node_name} needs a code of your second factor for each session")
    return _wrong(tx, asked, found, is_used=asked.typed.is_used)


def _wrong(tx: Transaction, asked: Asked, found: Allowed, *, is_used: bool) -> Refused:
    claim = asked.claim
    count_failure(tx, claim.identity.user_id, found.user_name, claim.source)
    if is_used:
        return CodeRefused("that code was used already; wait for the next one")
    return CodeRefused("that code is wrong")


def _blocked() -> CodesBlocked:
    return CodesBlocked("there were too many wrong codes; wait a while before you try another")
