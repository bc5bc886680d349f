"""The words of label expressions and trait templates.

Both are written by people into roles, so that every text is bounded by its caller and every character that is not of
the language is `Invalid`, naming its offset. Text literals are Go's: `"..."` with escapes, or raw between backquotes.
"""

import re
from enum import Enum
from typing import Final, NamedTuple

from doorward.base.errors import Invalid


class TokenKind(Enum):
    """What a token is."""

    NAME = "name"
    TEXT = "text"
    MARK = "mark"
    END = "end"


class Token(NamedTuple):
    """One word: its kind, its text (unescaped for literals) and where it began."""

    kind: TokenKind
    text: str
    offset: int


_SPACE: Final = re.compile(r"[ \t\r\n]+", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MARK: Final = re.compile(r"==|!=|&&|\|\||[!()\[\],.]")
_QUOTED: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_RAW: Final = re.compile(r"`([^`]*)`")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_SHORT_ESCAPES: Final = {"\\": "\\", '"': '"', "n": "\n", "t": "\t", "r": "\r"}


def tokens_of(text: str) -> tuple[Token, ...]:
    """All tokens of `text`, an END last; `Invalid` at the first character that begins none."""
    found: list[Token] = []
    offset = 0
    while offset < len(text):
        space = _SPACE.match(text, offset)
        if space is not None:
            offset = space.end()
            continue
        token, offset = _token_at(text, offset)
        found.append(token)
    found.append(Token(TokenKind.END, "", offset))
    return tuple(found)


def _token_at(text: str, offset: int) -> tuple[Token, int]:
    for kind, pattern in ((TokenKind.NAME, _NAME), (TokenKind.MARK, _MARK)):
        match = pattern.match(text, offset)
        if match is not None:
            return Token(kind, match.group(), offset), match.end()
    raw = _RAW.match(text, offset)
    if raw is not None:
        return Token(TokenKind.TEXT, raw.group(1), offset), raw.end()
    quoted = _QUOTED.match(text, offset)
    if quoted is not None:
        return Token(TokenKind.TEXT, _unescaped(quoted.group(1), offset), offset), quoted.end()
    raise Invalid(f"reading an expression: what stands at offset {offset} is not part of the language")


def _unescaped(body: str, offset: int) -> str:
    def character(match: re.Match[str]) -> str:
        if match.group(3) is None:
            point = int(match.group(1) or match.group(2), 16)
            if 0xD800 <= point <= 0xDFFF:
                raise Invalid(f"reading an expression: half a surrogate pair in the text at offset {offset}")
            return chr(point)
        if match.group(3) not in _SHORT_ESCAPES:
            raise Invalid(f"reading an expression: an escape that the language does not have at offset {offset}")
        return _SHORT_ESCAPES[match.group(3)]

    return _ESCAPE.sub(character, body)
