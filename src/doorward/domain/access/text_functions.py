"""The functions on texts that templates and expressions share: `email.local` and `regexp.replace`.

`regexp.replace` follows Teleport: the expression matches the whole value, `$1` and `${name}` name groups, a value that
does not match is left out.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.domain.access.patterns import regexp_of

REPLACED_CHARACTERS_MAX: Final = 4096
_ADDRESS: Final = re.compile(r"(?:[^<>@]*<)?([^\s@<>\"(),:;\[\]\\]{1,64})@[^\s@<>]{1,255}(>)?", re.ASCII)
_GROUP: Final = re.compile(r"\$(?:(\$)|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Replacement:
    """`regexp.replace(..., pattern, replacement)`: literal pieces and groups by turns."""

    pattern: str
    replacement: str
    pieces: tuple[str | int, ...] = field(compare=False)
    regexp: Any = field(compare=False, repr=False)

    def apply(self, value: str) -> str | None:
        """The replaced text; None when `value` does not match, is not Unicode or would grow too long."""
        try:
            match = self.regexp.fullmatch(value)
        except UnicodeEncodeError:
            return None
        if match is None:
            return None
        replaced = "".join(piece if isinstance(piece, str) else (match.group(piece) or "") for piece in self.pieces)
        return replaced if len(replaced) <= REPLACED_CHARACTERS_MAX else None


def email_local(value: str) -> str | None:
    """What stands before the @ of an address, `Name <address>` included; None when it is no address."""
    match = _ADDRESS.fullmatch(value)
    if match is None or ("<" in value) != (match.group(2) is not None):
        return None
    return match.group(1)


def parse_replacement(pattern: str, replacement: str) -> Replacement:
    """The two texts compiled; `Invalid` when the pattern is broken or the replacement names no group of it."""
    regexp = regexp_of(pattern)
    pieces: list[str | int] = []
    end = 0
    for match in _GROUP.finditer(replacement):
        pieces.append(replacement[end : match.start()])
        end = match.end()
        pieces.append("$" if match.group(1) else _group_number(match.group(2) or match.group(3) or "", regexp))
    pieces.append(replacement[end:])
    return Replacement(pattern, replacement, tuple(piece for piece in pieces if piece != ""), regexp)


def _group_number(name: str, regexp: Any) -> int:
    if not name:
        raise Invalid("reading a replacement: write $$ for a dollar sign")
    number: int | None = int(name) if name.isdigit() and len(name) < 4 else regexp.groupindex.get(name)
    if number is None or number > regexp.groups:
        raise Invalid(f"reading a replacement: the pattern has no group {name}")
    return number
