"""Rights over the API: what a holder of roles may call, and what they may give to others.

Deny first, over all held roles; then one role must allow. Nobody gives what they do not hold: whatever a change of
roles adds (a right allowed, or a prohibition lifted) must be among the giver's own rights.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from doorward.domain.access.role import ApiRule, Role
from doorward.domain.access.verdict import Outcome, Step

KIND_RESOURCES: Final = ("user", "role", "node", "oidc_connector", "lock")
"""The names of all kinds; `kinds.registry` holds what each of them is, and refuses to load when one is missing."""
RESOURCES: Final = (*KIND_RESOURCES, "audit", "recording", "session", "request", "grant", "sign_in")
VERBS: Final = ("list", "read", "create", "update", "delete", "end", "play", "join", "lock")


class Right(NamedTuple):
    """One verb on one resource of the API."""

    resource: str
    verb: str


@dataclass(frozen=True, slots=True)
class RightDecision:
    """Whether the call may be made, and the rules that settled it."""

    allowed: bool
    trace: tuple[Step, ...]

    def __bool__(self) -> bool:
        return self.allowed


def may_call(roles: Sequence[Role], resource: str, verb: str) -> RightDecision:
    """Whether the holder of `roles` may use `verb` on `resource`; names that do not exist are refused."""
    right = f"{resource}:{verb}"
    denials = tuple(
        Step(role.name, "deny.rules", right, Outcome.MATCHED)
        for role in roles
        if any(_covers(rule, resource, verb) for rule in role.deny.rules)
    )
    if denials or resource not in RESOURCES or verb not in VERBS:
        return RightDecision(False, denials)
    for role in roles:
        if any(_covers(rule, resource, verb) for rule in role.allow.rules):
            return RightDecision(True, (Step(role.name, "allow.rules", right, Outcome.MATCHED),))
    return RightDecision(False, tuple(Step(role.name, "allow.rules", right, Outcome.MISSED) for role in roles))


def rights_of(roles: Sequence[Role]) -> frozenset[Right]:
    """Every right that the holder of `roles` has."""
    return _listed(role.allow.rules for role in roles) - _listed(role.deny.rules for role in roles)


def rights_not_held(giver: Sequence[Role], *, before: Sequence[Role], after: Sequence[Role]) -> tuple[Right, ...]:
    """What a change from `before` to `after` would give that `giver` does not hold; empty when it may be made.

    Use it for the roles of a user, and for the old and the new form of a role.
    """
    added = _listed(role.allow.rules for role in after) - _listed(role.allow.rules for role in before)
    lifted = _listed(role.deny.rules for role in before) - _listed(role.deny.rules for role in after)
    return tuple(sorted((added | lifted) - rights_of(giver)))


def _covers(rule: ApiRule, resource: str, verb: str) -> bool:
    return resource in rule.resources and verb in rule.verbs


def _listed(sides: Iterable[Iterable[ApiRule]]) -> frozenset[Right]:
    return frozenset(
        Right(resource, verb) for rules in sides for rule in rules for resource in rule.resources for verb in rule.verbs
    )
