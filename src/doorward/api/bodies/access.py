"""What one may reach, and why."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class ReachableNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node that the caller may know of, with the accounts open to them there now."""

    name: str
    labels: dict[str, str]
    logins: list[str]
    verified: bool


class ReachableNodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In order of names."""

    items: list[ReachableNode]


class Explain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Would this open? `user` asks for somebody else and needs the right to read both."""

    node: Annotated[str, Meta(max_length=255)]
    login: Annotated[str, Meta(max_length=255)]
    user: Annotated[str, Meta(max_length=64)] | None = None


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer and why, cut to what the asker may know."""

    allowed: bool
    lines: list[str]
    obligations: dict[str, Any] = {}
