"""Which terminal sequences a replay may contain: an allow-list, since what is not named here can not harm.

Left out on purpose: everything that a terminal answers (DA, DSR, DECRQM, DECRQSS, XTGETTCAP, title and colour queries,
answerback), that reaches beyond the screen (clipboard, printing, window moves, titles, links), or that changes what the
viewer's keys send (mouse, focus, paste, keypad and keyboard modes). Numbers: ECMA-48, DEC STD 070, xterm's ctlseqs.
"""

import re
from typing import Final

PARAMETERS_MAX: Final = 32
# Long enough for any screen; longer numbers only serve to make a terminal repeat or scroll for hours.
PARAMETER_DIGITS_MAX: Final = 5
REPEAT_MAX: Final = 9999

# Backspace, tab, line feed, vertical tab, form feed, carriage return, shift out, shift in. Not: bell, answerback, XON.
CONTROLS: Final = frozenset("\x08\t\n\x0b\x0c\r\x0e\x0f")

# What may follow ESC: save and restore cursor, index, next line, tab set, reverse index, full reset.
ESCAPES: Final = frozenset({"7", "8", "D", "E", "H", "M", "c"})
# Character sets ASCII, British and line drawing into G0 to G3; alignment test and double-size lines.
ESCAPES_WITH_INTERMEDIATE: Final = frozenset(
    [slot + charset for slot in "()*+" for charset in "0AB"] + ["#" + size for size in "34568"]
)

# Cursor, tabs, erase, insert, delete, scroll, repeat, colours, margins, save and restore cursor.
_PLAIN_FINALS: Final = frozenset("@ABCDEFGHIJKLMPSTXZ`abdefgmrsu")
_ANSI_MODES: Final = frozenset({"4"})  # insert
# Reverse video, origin, wrap, cursor blink and visibility, alternate screens, left and right margins, synchronised.
_PRIVATE_MODES: Final = frozenset({"5", "6", "7", "12", "25", "47", "69", "1047", "1048", "1049", "2026"})
_DIGITS: Final = rf"[0-9]{{0,{PARAMETER_DIGITS_MAX}}}"
_NUMBER: Final = re.compile(rf"{_DIGITS}(?::{_DIGITS})*", re.ASCII)
_NUMBER_LENGTH_MAX: Final = 64

# What puts a terminal back after a replay, wherever the replay stopped.
RESTORE: Final = (
    b"\x18\x1b[?2026l\x1b[?69l\x1b[?6l\x1b[r\x1b[?1049l\x1b[?5l\x1b[?7h\x1b[?25h\x1b[4l\x0f\x1b(B\x1b[m\x1b[0 q"
)


def allowed_control_sequence(marker: str, parameters: str, intermediates: str, final: str) -> str:
    """What passes of `CSI marker parameters intermediates final`: all of it, some of its modes, or nothing."""
    numbers = parameters.split(";")
    if len(numbers) > PARAMETERS_MAX or not all(_plausible(number) for number in numbers):
        return ""
    if (marker, intermediates, final) in {("", "!", "p"), ("", " ", "q")}:  # soft reset, cursor style
        return f"\x1b[{parameters}{intermediates}{final}"
    if intermediates:
        return ""
    if final in "hl":
        return _allowed_modes(marker, numbers, final)
    if marker == "":
        return f"\x1b[{parameters}{final}" if _plain(numbers, final) else ""
    return f"\x1b[?{parameters}{final}" if marker == "?" and final in "JK" else ""  # selective erase


def allowed_escape(intermediates: str, final: str) -> str:
    """What passes of `ESC intermediates final`."""
    allowed = ESCAPES_WITH_INTERMEDIATE if intermediates else ESCAPES
    return f"\x1b{intermediates}{final}" if intermediates + final in allowed else ""


def _allowed_modes(marker: str, numbers: list[str], final: str) -> str:
    modes = {"": _ANSI_MODES, "?": _PRIVATE_MODES}.get(marker, frozenset())
    kept = [number for number in numbers if number in modes]
    return f"\x1b[{marker}{';'.join(kept)}{final}" if kept else ""


def _plain(numbers: list[str], final: str) -> bool:
    if final not in _PLAIN_FINALS:
        return False
    if final != "m" and any(":" in number for number in numbers):
        return False
    if final == "T":  # with five numbers it starts highlight tracking, which waits for an answer
        return len(numbers) == 1
    return final != "b" or int(numbers[0] or "1") <= REPEAT_MAX


def _plausible(number: str) -> bool:
    return len(number) <= _NUMBER_LENGTH_MAX and _NUMBER.fullmatch(number) is not None
