"""What claims become here: roles by the connector's map, traits by the connector's map, and a name to show.

Groups that are not mapped give nothing, and a groups claim that is missing, or is not a list of texts, gives no role at
all. A trait value that could not stand in a document is left out: it can then not match anything.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.base.ids import is_id
from doorward.domain.kinds.oidc_connector import OidcConnector
from doorward.domain.kinds.user import ROLES_MAX, TRAIT_VALUES_MAX, trait_value

GROUPS_MAX: Final = 5_000
NAME_CHARACTERS_MAX: Final = 48  # leaves room in 64 for what makes it unique
NAME_TRIES_MAX: Final = 100
NAME_CLAIMS: Final = ("preferred_username", "email", "name", "nickname")
NAMELESS: Final = "user"
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the provider's word gives: names of roles, and traits."""

    roles: tuple[str, ...]
    traits: Mapping[str, tuple[str, ...]]


def claimed(connector: OidcConnector, claims: Mapping[str, Any]) -> Claimed:
    """Roles and traits by the connector's maps."""
    return Claimed(_roles(connector, claims), _traits(connector, claims))


def claims_wanted(connector: OidcConnector) -> frozenset[str]:
    """The claims that the connector's maps look at."""
    groups = {connector.groups_claim} if connector.groups_claim else set()
    return frozenset(groups | set(connector.claims_to_traits))


def name_of(claims: Mapping[str, Any]) -> str:
    """A name to show, from the first claim that holds one; it identifies nobody."""
    for claim in NAME_CLAIMS:
        found = claims.get(claim)
        name = _plain(found.split("@", 1)[0] if claim == "email" else found) if isinstance(found, str) else ""
        if name and not is_id(name):
            return name
    return NAMELESS


def unique_name(wanted: str, is_taken: Callable[[str], bool], fallback: str) -> str:
    """`wanted`, or `wanted-2` and so on; with `fallback`, a fresh id, when too many have wanted it."""
    for number in range(1, NAME_TRIES_MAX + 1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if not is_taken(name):
            return name
    return f"{NAMELESS}-{fallback}"


def _roles(connector: OidcConnector, claims: Mapping[str, Any]) -> tuple[str, ...]:
    groups = claims.get(connector.groups_claim) if connector.groups_claim else None
    if not isinstance(groups, list) or len(groups) > GROUPS_MAX:
        return ()
    held = [connector.groups_to_roles.get(group, ()) for group in groups if isinstance(group, str)]
    return tuple(dict.fromkeys(role for roles in held for role in roles))[:ROLES_MAX]


def _traits(connector: OidcConnector, claims: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    traits: dict[str, tuple[str, ...]] = {}
    for claim, trait in connector.claims_to_traits.items():
        found = claims.get(claim)
        listed = found if isinstance(found, list) else [found]
        values = [value for one in listed[:TRAIT_VALUES_MAX] if (value := _trait_value(one)) is not None]
        if values:
            traits[trait] = tuple(dict.fromkeys((*traits.get(trait, ()), *values)))[:TRAIT_VALUES_MAX]
    return traits


def _trait_value(found: object) -> str | None:
    if not isinstance(found, str):
        return None
    try:
        return trait_value(found)
    except Invalid:
        return None


def _plain(text: str) -> str:
    # Compatibility forms first, so that look-alikes of ASCII become ASCII, then accents away, then whatever is left.
    folded = unicodedata.normalize("NFKD", text[:256]).casefold()
    bare = "".join(character for character in folded if not unicodedata.combining(character))
    return _NOT_IN_NAMES.sub("-", bare).strip("-._")[:NAME_CHARACTERS_MAX].rstrip("-._")
