"""The name under which a gateway shows a node to users: `<node>.<suffix>`.

Only its form is looked at, so that names of nodes that there are and names of others fare alike.
"""

import re
from typing import Final

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def node_in_face(name: str, suffix: str) -> str | None:
    """The node in `<node>.<suffix>`, one lower-case DNS label (RFC 1123); None for any other name."""
    label, dot, rest = name.partition(".")
    is_node = bool(dot) and rest == suffix and _LABEL.fullmatch(label) is not None
    return label if is_node else None
