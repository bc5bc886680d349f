"""Which nodes a gateway may open sessions on: its scope, a selector over their labels.

Every key must be on the node and its value be one of those listed, literally; a listed `*` accepts any value, and
`{"*": ["*"]}` every node. A gateway that joined without a scope opens all but critical nodes: those are named to it, or
it does not reach them. Roles say who may; a scope says by which way, and gives nobody anything.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from doorward.base.errors import Invalid
from doorward.domain.access.criticality import is_critical

WILDCARD: Final = "*"
EVERY_NODE: Final[Mapping[str, Sequence[str]]] = {WILDCARD: (WILDCARD,)}
KEYS_MAX: Final = 32
VALUES_MAX: Final = 64

Scope = Mapping[str, Sequence[str]]


def in_scope(scope: Scope, labels: Mapping[str, str]) -> bool:
    """Whether a gateway of this scope may open sessions on a node with these labels."""
    if not scope:
        return not is_critical(labels)
    if WILDCARD in scope:
        return True
    return all(key in labels and (labels[key] in values or WILDCARD in values) for key, values in scope.items())


def checked_scope(scope: Scope) -> dict[str, tuple[str, ...]]:
    """`scope` if it may be given; `Invalid` otherwise."""
    if len(scope) > KEYS_MAX or any(not 1 <= len(values) <= VALUES_MAX for values in scope.values()):
        raise Invalid(f"reading a scope: up to {KEYS_MAX} keys, each with 1 to {VALUES_MAX} values, are expected")
    if WILDCARD in scope and {key: tuple(values) for key, values in scope.items()} != dict(EVERY_NODE):
        raise Invalid("reading a scope: *=* is every node, and stands alone")
    for text in (*scope, *(value for values in scope.values() for value in values)):
        if not text.isprintable() or (not text and text in scope):
            raise Invalid("reading a scope: keys and values are printable, and no key is empty")
    return {key: tuple(dict.fromkeys(values)) for key, values in scope.items()}
