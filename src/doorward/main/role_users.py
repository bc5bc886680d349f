"""Under which unix users the roles run where each has one of its own: names in `users:`, ids from the host."""

import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from doorward.base.errors import Invalid

_NAME: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)


class BadUsers(Invalid):
    """The users of the roles are named wrongly, unknown to this host, or not those who run them."""

    code = "bad_users"


@dataclass(frozen=True, slots=True)
class RoleUsers:
    """The name of each role's user."""

    signer: str
    authority: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A user and its own group, as the kernel knows them."""

    uid: int
    gid: int


ROLES: Final = tuple(field.name for field in fields(RoleUsers))


def parse_users(value: object) -> RoleUsers:
    """From the configuration: a name for each of the three."""
    if not isinstance(value, Mapping) or set(value) != set(ROLES):
        raise BadUsers("reading users: exactly signer, authority and gateway are expected")
    for role, name in value.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise BadUsers(f"reading users: the name of a unix user is expected for {role}")
    return RoleUsers(**value)


def parse_users_option(text: str) -> RoleUsers:
    """From the command line: `signer=NAME,authority=NAME,gateway=NAME`."""
    pairs = [one.partition("=") for one in text.split(",")]
    if len(pairs) != len(ROLES):
        raise BadUsers("reading --users: signer=NAME,authority=NAME,gateway=NAME is expected")
    return parse_users({role: name for role, _, name in pairs})


def owner_of(name: str) -> Owner:
    """The user on this host; `BadUsers` when there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise BadUsers(f"looking up users: this host has no user {name}") from None
    return Owner(entry.pw_uid, entry.pw_gid)


def check_apart(users: RoleUsers) -> None:
    """All three exist, and the gateway's user is not in the group by which the authority's reaches the signer."""
    authority, gateway = owner_of(users.authority), owner_of(users.gateway)
    owner_of(users.signer)
    if gateway.uid != authority.uid and authority.gid in os.getgrouplist(users.gateway, gateway.gid):
        raise BadUsers(f"looking up users: {users.gateway} is in the group of {users.authority}; give each a group")


def check_runs_as(role: str, users: RoleUsers | None) -> None:
    """`BadUsers` when this process is not the role's user: files that another leaves behind would stop the role."""
    if users is None:
        return
    name = str(getattr(users, role))
    if os.geteuid() != owner_of(name).uid:
        raise BadUsers(f"running the {role}: users says that {name} runs it")
