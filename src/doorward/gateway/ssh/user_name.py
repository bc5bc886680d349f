"""What a user writes before the gateway's name: `account@node` opens a session on that node, a bare name is a jump.

Split at the last `@` (architecture 6): a login may hold one, a node's name never does. Whether account and node exist,
and whether their names are even possible, is for the authority alone to answer, so that all such answers are alike.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeName:
    """One account on one node, as asked for; nothing is checked yet."""

    login: str
    node: str


@dataclass(frozen=True, slots=True)
class JumpName:
    """The outer connection of a ProxyJump."""

    name: str


def parse_user_name(name: str) -> NodeName | JumpName:
    """Which form of connection this is."""
    login, at, node = name.rpartition("@")
    return NodeName(login, node) if at else JumpName(name)
