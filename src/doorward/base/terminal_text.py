"""Foreign text made safe for a terminal or a log line.

Control, bidirectional and zero-width characters can move the cursor, recolour, reorder or hide what a person reads
(Trojan Source, CVE-2021-42574), so they are shown as escapes. Everything that people or machines sent us goes through
here before it reaches a terminal.
"""

import unicodedata
from typing import Final

LINE_CHARACTERS_MAX: Final = 4096
# Cc control, Cf format (bidi, zero width, soft hyphen), Cs surrogate, Co private use, Cn unassigned, Zl/Zp separators.
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def for_terminal(text: str, *, characters_max: int = LINE_CHARACTERS_MAX) -> str:
    """`text` on one line, hidden characters as `\\x1b` or `\\u202e` escapes, cut with `…` at `characters_max`."""
    cut = text if len(text) <= characters_max else text[:characters_max] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(_shown(character) for character in cut)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    point = ord(character)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
