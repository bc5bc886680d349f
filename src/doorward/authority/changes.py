"""What a change of the declared things must not do, judged on the whole policy before and after it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from doorward.authority.callers import UserCaller
from doorward.authority.giving import GivesTooMuch, check_role_change, check_user_change
from doorward.authority.policy import PolicyView
from doorward.authority.rights import holds_in
from doorward.base.errors import Conflict, Invalid
from doorward.domain.access.locks import Lock
from doorward.domain.access.role import Role
from doorward.domain.kinds.oidc_connector import OidcConnector
from doorward.domain.kinds.positioned import Placed, Problem
from doorward.domain.kinds.registry import KINDS, Declared


class StillHeld(Placed, Conflict):
    """A role that users hold can not be removed: it may be what denies them."""

    code = "still_held"


class IssuerTaken(Placed, Conflict):
    """Two connectors can not speak for the same users."""

    code = "issuer_taken"


class UnknownRole(Placed, Invalid):
    """A user names a role that does not exist."""

    code = "unknown_role"


def check_change(before: PolicyView, after: PolicyView, caller: UserCaller, documents: Sequence[Declared]) -> None:
    """Whether the documents, as `after` has them, may be declared by the caller; every reason why not at once."""
    unknown = [problem for one in documents for problem in _unknown_roles(after, one)]
    if unknown:
        raise UnknownRole.among(unknown)
    given = [problem for one in documents for problem in _given_too_much(before, after, caller, one)]
    if given:
        raise GivesTooMuch.among(given)
    shared = [problem for one in documents for problem in _shared_issuer(after, one)]
    if shared:
        raise IssuerTaken.among(shared)


def _unknown_roles(after: PolicyView, one: Declared) -> list[Problem]:
    if one.kind == "user":
        missing = [role for role in one.value.roles if role not in after.roles]
        return [one.problem("spec.roles", f"there is no role {role}") for role in missing]
    if one.kind == "oidc_connector":
        missing = [role for role in _mapped(one.value) if role not in after.roles]
        return [one.problem("spec.groups_to_roles", f"there is no role {role}") for role in missing]
    return []


def _shared_issuer(after: PolicyView, one: Declared) -> list[Problem]:
    """Users are known by issuer and subject: of two connectors the one that spoke last would say what they hold."""
    if one.kind != "oidc_connector":
        return []
    same = [name for name, (_, other) in after.connectors.items() if other.issuer == one.value.issuer]
    others = sorted(name for name in same if name != one.name)
    return [one.problem("spec.issuer", f"oidc_connector {other} has this issuer already") for other in others]


def _given_too_much(before: PolicyView, after: PolicyView, caller: UserCaller, one: Declared) -> list[Problem]:
    gives = GIVES[one.kind]
    if gives is None:
        return []
    field, check = gives
    try:
        check(before, after, caller, one)
    except GivesTooMuch as error:
        return [one.problem(field, error.message)]
    return []


def _giver(before: PolicyView, caller: UserCaller) -> tuple[Role, ...]:
    return before.roles_of(before.users[caller.user_id][1])


def _check_role(before: PolicyView, after: PolicyView, caller: UserCaller, one: Declared) -> None:
    earlier = before.roles.get(one.name)
    held = (earlier,) if earlier is not None else ()
    check_role_change(_giver(before, caller), held, (after.roles[one.name],), "it")


def _check_user(before: PolicyView, after: PolicyView, caller: UserCaller, one: Declared) -> None:
    earlier = before.users.get(after.user_names[one.name])
    had = earlier[1] if earlier is not None else None
    check_user_change(before_with_roles(before, after), caller, had, one.value)


def _check_connector(before: PolicyView, after: PolicyView, caller: UserCaller, one: Declared) -> None:
    """Whoever maps groups to roles, or says whose word about groups counts, gives those roles."""
    earlier = before.connectors.get(one.name)
    if earlier is not None and _gives(earlier[1]) == _gives(one.value):
        return
    given = tuple(after.roles[role] for role in _mapped(one.value))
    check_role_change(_giver(before, caller), (), given, "it")


def _mapped(connector: OidcConnector) -> list[str]:
    return list(dict.fromkeys(role for roles in connector.groups_to_roles.values() for role in roles))


def _gives(connector: OidcConnector) -> tuple[object, ...]:
    mapped = {group: tuple(roles) for group, roles in connector.groups_to_roles.items()}
    return connector.issuer, connector.client_id, connector.groups_claim, mapped


Gives = tuple[str, Callable[[PolicyView, PolicyView, UserCaller, Declared], None]]
"""The field that gives roles or rights, and the check that nobody gives by it what they do not hold."""


def said_of_all(table: Mapping[str, Gives | None]) -> Mapping[str, Gives | None]:
    """The table, if it says of each kind what it gives: the first who declares a new kind must not be who finds out."""
    if table.keys() != KINDS.keys():
        odd = ", ".join(sorted(table.keys() ^ KINDS.keys()))
        raise ValueError(f"what a kind gives is said of each kind and of nothing else: {odd}")
    return table


GIVES: Final = said_of_all(
    {
        "role": ("spec", _check_role),
        "user": ("spec.roles", _check_user),
        "oidc_connector": ("spec.groups_to_roles", _check_connector),
        "node": None,
        "lock": None,
    }
)


def before_with_roles(before: PolicyView, after: PolicyView) -> PolicyView:
    """The users as they were, the roles as they will be: a role declared in the same call may be given at once."""
    return replace(before, counter=-1, roles={**before.roles, **after.roles})


def check_removal(before: PolicyView, after: PolicyView, caller: UserCaller, kind: str, name: str) -> None:
    """Whether what is missing in `after` may be removed by the caller; who holds it is told to who may read them."""
    if kind != "role":
        return
    holders = sorted(stored.name for stored, user in after.users.values() if name in user.roles)
    if holders:
        told = holds_in(before, caller, "user", "read")
        texts = (
            [f"user {one} still holds role {name}" for one in holders] if told else [f"users still hold role {name}"]
        )
        raise StillHeld.among(Problem("", 0, "", text) for text in texts)
    named = sorted(key for key, (_, one) in after.connectors.items() if name in _mapped(one))
    if named:
        told = holds_in(before, caller, "oidc_connector", "read")
        texts = (
            [f"oidc_connector {one} still gives role {name}" for one in named] if told else [f"role {name} is given"]
        )
        raise StillHeld.among(Problem("", 0, "", text) for text in texts)
    check_role_change(_giver(before, caller), (before.roles[name],), (), f"role {name}")


def lock_warnings(view: PolicyView, lock: Lock, caller: UserCaller) -> list[str]:
    """What a lock names that is not there: it is taken, since it may name what comes, but a slip would lock nobody.

    Told of kinds that the caller may read: for others the lock must not be a way to ask what there is.
    """
    there = {
        "user": {*view.users, *view.user_names},
        "node": {*view.nodes, *view.node_names},
        "role": view.roles.keys(),
    }
    asked = [(field, value) for field, value in lock.target if field in there and holds_in(view, caller, field, "read")]
    missing = [(field, value) for field, value in asked if value not in there[field]]
    return [f"spec.target.{field}: there is no {field} {value}; this locks nothing yet" for field, value in missing]
