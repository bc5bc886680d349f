"""The kind `user`: a person's user as an administrator declares it. Factors, links and passwords live elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.domain.kinds.envelope import Kind, Metadata
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.names import one_line, plain_name, trait_name

VERSION: Final = "v1"
ROLES_MAX: Final = 100
TRAITS_MAX: Final = 100
TRAIT_VALUES_MAX: Final = 1000
TRAIT_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class User:
    """A user: the names of the roles held, the traits, and whether signing in is shut."""

    name: str
    roles: tuple[str, ...] = ()
    traits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    disabled: bool = False
    description: str = ""


def parse_user(document: Fields, metadata: Metadata, version: str) -> User:
    """The user of a document; whether the roles exist is the caller's question."""
    spec = document.within("spec", required=True)
    roles = [spec.parsed_at(name, node, plain_name) for name, node in spec.items("roles", most=ROLES_MAX)]
    spec.texts("roles")  # says which stand there twice
    traits = parse_traits(spec, "traits")
    user = User(
        metadata.name,
        tuple(role for role in roles if role is not None),
        traits,
        spec.flag("disabled"),
        metadata.description,
    )
    spec.finish()
    return user


def parse_traits(fields: Fields, key: str) -> dict[str, tuple[str, ...]]:
    """A map from the names of traits to their values."""
    table = fields.within(key)
    if len(table.table.entries) > TRAITS_MAX:
        fields.wrong(key, f"{TRAITS_MAX} traits are the most")
        return {}
    traits: dict[str, tuple[str, ...]] = {}
    for name, _, _ in table.table.entries:
        try:
            trait_name(name)
        except Invalid as problem:
            table.wrong(name, problem.message)
        values = [
            table.parsed_at(item_name, node, trait_value)
            for item_name, node in table.items(name, most=TRAIT_VALUES_MAX)
        ]
        traits[name] = tuple(value for value in values if value is not None)
    return traits


def trait_value(text: str) -> str:
    """One value of a trait."""
    if not 0 < len(text) <= TRAIT_CHARACTERS_MAX:
        raise Invalid(f"reading a trait: a value has 1 to {TRAIT_CHARACTERS_MAX} characters")
    return one_line(text)


def dump_user(user: User) -> dict[str, Any]:
    """The spec that `parse_user` reads back."""
    spec: dict[str, Any] = {"roles": list(user.roles)}
    if user.traits:
        spec["traits"] = {name: list(values) for name, values in user.traits.items()}
    if user.disabled:
        spec["disabled"] = True
    return {"spec": spec}


USER: Final = Kind(
    "user",
    (VERSION,),
    User,
    parse_user,
    dump_user,
)
