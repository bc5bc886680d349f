"""A principal's roles and grants with the traits filled in, compiled once and asked about many resources.

Nothing here depends on a resource or on the time. Each kind of resource is compiled when it is first asked about.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from doorward.domain.access.labels import AllowLabels, DenyLabels
from doorward.domain.access.matchers import Matcher
from doorward.domain.access.obligations import Obligations
from doorward.domain.access.options import merge_options
from doorward.domain.access.question import Grant, Subject
from doorward.domain.access.resource_kinds import RESOURCE_KINDS, ResourceKind
from doorward.domain.access.role import Condition, Role
from doorward.domain.access.templates import Traits
from doorward.domain.access.verdict import Outcome, Step

_MERGES_KEPT_MAX: Final = 1024  # sets of roles that matched together


class AllowingRole:
    """One role that could allow something of a kind."""

    __slots__ = ("labels", "matchers", "role", "unmatched")

    def __init__(self, role: Role, kind: ResourceKind, traits: Traits):
        self.role = role
        self.labels = AllowLabels(role.name, kind.labels_field, role.allow.labels[kind.name], traits)
        self.matchers = _matchers(role.name, "allow", role.allow, kind, traits)
        self.unmatched = {
            dimension.name: Step(role.name, f"allow.{dimension.role_field}", "", Outcome.MISSED)
            for dimension in kind.dimensions
        }


class DenyingRole:
    """One role that could deny something of a kind."""

    __slots__ = ("labels", "matchers", "role")

    def __init__(self, role: Role, kind: ResourceKind, traits: Traits):
        self.role = role
        rule = role.deny.labels.get(kind.name)
        self.labels = None if rule is None else DenyLabels(role.name, kind.labels_field, rule, traits)
        self.matchers = _matchers(role.name, "deny", role.deny, kind, traits)


class KindPolicy:
    """Some roles, compiled for one kind of resource."""

    __slots__ = ("_kind", "_merged", "allowing", "denying", "label_keys")

    def __init__(self, roles: tuple[Role, ...], kind: ResourceKind, traits: Traits):
        self._kind = kind.name
        self._merged: dict[tuple[int, ...], Obligations] = {}
        self.allowing = tuple(AllowingRole(role, kind, traits) for role in roles if kind.name in role.allow.labels)
        denying = (DenyingRole(role, kind, traits) for role in roles)
        self.denying = tuple(role for role in denying if role.labels is not None or role.matchers)
        self.label_keys = _label_keys(roles, kind)

    def obligations(self, matched: tuple[int, ...]) -> Obligations:
        """The obligations of the allowing roles at these places, merged."""
        found = self._merged.get(matched)
        if found is None:
            found = merge_options((self.allowing[place].role.options for place in matched), self._kind)
            if len(self._merged) >= _MERGES_KEPT_MAX:
                self._merged.clear()
            self._merged[matched] = found
        return found


class Prepared:
    """A subject and its grants, ready to be decided about."""

    __slots__ = ("_policies", "grants", "subject")

    def __init__(self, subject: Subject, grants: tuple[Grant, ...] = ()):
        self.subject = subject
        self.grants = grants
        self._policies: dict[tuple[str, int], KindPolicy] = {}

    def standing(self, kind: str) -> KindPolicy:
        """The standing roles for a kind of the table."""
        return self._policy(kind, -1)

    def granted(self, kind: str, place: int) -> KindPolicy:
        """The roles of the grant at that place."""
        return self._policy(kind, place)

    def _policy(self, kind: str, place: int) -> KindPolicy:
        policy = self._policies.get((kind, place))
        if policy is None:
            roles = self.subject.roles if place < 0 else self.grants[place].roles
            policy = KindPolicy(roles, RESOURCE_KINDS[kind], self.subject.traits)
            self._policies[(kind, place)] = policy
        return policy


def prepare(subject: Subject, grants: tuple[Grant, ...] = ()) -> Prepared:
    """Bind the roles of `subject`, and of its grants, to its traits."""
    return Prepared(subject, grants)


def _label_keys(roles: Iterable[Role], kind: ResourceKind) -> tuple[str, ...] | None:
    """The labels that these roles look at, sorted: resources that agree on them are all the same to them.

    None when a role looks at labels that it does not name.
    """
    found: set[str] = set()
    for rule in (side.labels.get(kind.name) for role in roles for side in (role.allow, role.deny)):
        keys = frozenset() if rule is None else rule.label_keys
        if keys is None:
            return None
        found |= keys
    return tuple(sorted(found))


def _matchers(
    source: str, side: str, condition: Condition, kind: ResourceKind, traits: Traits
) -> Mapping[str, Matcher]:
    return {
        dimension.name: Matcher(source, side, dimension, condition.matchers[dimension.name], traits)
        for dimension in kind.dimensions
        if condition.matchers.get(dimension.name)
    }
