"""Terminal output made safe to show again: only what `screen_rules` allows comes out.

A machine of the shape of DEC's parser (states ground, escape, control sequence, string), fed in any chunks. Sequences
come out whole or not at all, so that what follows can not complete them into something else; text comes out as valid
UTF-8 without C1 controls. Where our reading of broken input differs from some terminal's, that costs fidelity, never
safety: nothing but allowed tokens is ever written.
"""

import codecs
import re
from enum import Enum, auto
from typing import Final

from doorward.domain.recording.screen_rules import CONTROLS, allowed_control_sequence, allowed_escape

SEQUENCE_CHARACTERS_MAX: Final = 256  # a control sequence that is longer is dropped to its end
# Pictures in a string may be long; past this we show what follows rather than hide what a viewer should see.
STRING_CHARACTERS_MAX: Final = 1024 * 1024

# What most output is made of and `screen_rules` allows whole: text, controls, colours and plain cursor moves. Only a
# short cut: the slow way lets the same through. Bounded, since the engine keeps something for each round.
_PLAIN: Final = re.compile(
    r"(?:[^\x00-\x1f\x7f-\x9f]+|[\x08-\x0f]+|\x1b\[[0-9]{0,3}(?:;[0-9]{0,3}){0,7}[mHKJABCD]){1,500}"
)
_STRING_RUN: Final = re.compile(r"[^\x07\x18\x1a\x1b\x9c]+")
_SEQUENCE: Final = re.compile(r"([<=>?]?)([0-9:;]*)([ -/]*)")
_ESCAPE: Final = "\x1b"
_CANCELS: Final = frozenset("\x18\x1a")
_STRING_STARTS: Final = frozenset("]PX^_")


class _State(Enum):
    GROUND = auto()
    ESCAPE = auto()
    SEQUENCE = auto()
    STRING = auto()
    STRING_ESCAPE = auto()


class ScreenFilter:
    """One per stream: takes what the stream's terminal got, gives what may be shown."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._state = _State.GROUND
        self._collected: list[str] = []
        self._skipped = 0
        self._out: list[str] = []

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """What may be shown of `data`; with `final`, half a character at the end counts as a broken one."""
        text = self._decoder.decode(data, final)
        position = 0
        while position < len(text):
            position = self._step(text, position)
        shown = "".join(self._out).encode()
        self._out.clear()
        return shown

    def _step(self, text: str, position: int) -> int:
        if self._state is _State.GROUND:
            run = _PLAIN.match(text, position)
            if run is not None:
                self._out.append(run.group())
                return run.end()
        elif self._state is _State.STRING:
            run = _STRING_RUN.match(text, position)
            if run is not None:
                return self._skip(run)
        self._one(text[position])
        return position + 1

    def _skip(self, run: re.Match[str]) -> int:
        room = STRING_CHARACTERS_MAX - self._skipped
        if run.end() - run.start() > room:
            self._state = _State.GROUND
            return run.start() + room
        self._skipped += run.end() - run.start()
        return run.end()

    def _one(self, character: str) -> None:
        if self._state is _State.STRING:  # escape, or what ends it: bell, cancel, the one-character terminator
            self._state = _State.STRING_ESCAPE if character == _ESCAPE else _State.GROUND
        elif self._state is _State.STRING_ESCAPE and character == "\\":
            self._state = _State.GROUND
        else:
            if self._state is _State.STRING_ESCAPE:  # the escape broke the string off and begins something else
                self._begin_escape()
            self._outside_string(character)

    def _outside_string(self, character: str) -> None:
        if character == _ESCAPE:
            self._begin_escape()
        elif character < " ":
            self._control(character)
        elif character >= "\x7f":
            self._beyond_ascii(character)
        elif self._state is _State.ESCAPE:
            self._in_escape(character)
        else:
            self._in_sequence(character)

    def _begin_escape(self) -> None:
        self._state = _State.ESCAPE
        self._collected.clear()

    def _control(self, character: str) -> None:
        """Controls act in the middle of a sequence too, as in a terminal; a cancel ends it."""
        if character in _CANCELS:
            self._state = _State.GROUND
        elif character in CONTROLS:
            self._out.append(character)

    def _beyond_ascii(self, character: str) -> None:
        """Delete and C1 controls go; text breaks a sequence off and is shown."""
        if character > "\x9f":
            self._state = _State.GROUND
            self._out.append(character)

    def _in_escape(self, character: str) -> None:
        if character < "0":
            self._collect(character)
        elif character == "[" and not self._collected:
            self._state = _State.SEQUENCE
        elif character in _STRING_STARTS and not self._collected:
            self._state = _State.STRING
            self._skipped = 0
        else:
            self._out.append(allowed_escape("".join(self._collected), character))
            self._state = _State.GROUND

    def _in_sequence(self, character: str) -> None:
        if character < "@":
            self._collect(character)
            return
        self._state = _State.GROUND
        body = _SEQUENCE.fullmatch("".join(self._collected))
        if body is not None:
            self._out.append(allowed_control_sequence(body[1], body[2], body[3], character))

    def _collect(self, character: str) -> None:
        if len(self._collected) < SEQUENCE_CHARACTERS_MAX:
            self._collected.append(character)
        else:
            self._collected[:] = ["!", "0"]  # matches nothing that is allowed
