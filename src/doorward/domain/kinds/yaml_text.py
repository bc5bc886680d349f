"""YAML text to positioned documents: a small, bounded part of YAML.

Built on PyYAML's events, of which nothing is constructed. No anchors, aliases, tags, merge keys or duplicate keys;
only `true`, `false`, `null` and plain decimal integers are anything but text, so that `no`, `1:30` and `2026-01-01`
stay what was typed. Bytes, depth and number of values have limits.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from doorward.domain.kinds.positioned import (
    DEPTH_MAX,
    NODES_MAX,
    Atom,
    InvalidDocuments,
    Position,
    Positioned,
    Problem,
    Scalar,
    Sequence,
    Table,
)

TEXT_BYTES_MAX: Final = 1 << 20
KEY_CHARACTERS_MAX: Final = 256
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
_WORDS: Final[dict[str, Atom]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str, file: str) -> tuple[Positioned, ...]:
    """The documents of `text`, empty ones left out; `InvalidDocuments` with the first thing that is no YAML of ours."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _wrong(Position(file), "the text is not Unicode") from None
    if size > TEXT_BYTES_MAX:
        raise _wrong(Position(file), f"{TEXT_BYTES_MAX} bytes are the most")
    try:
        return tuple(_Builder(file, yaml.parse(text, Loader=_LOADER)).documents())
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark is not None else 0
        raise _wrong(Position(file, line), f"this is not YAML: {problem.problem or 'unreadable'}") from None
    except yaml.YAMLError:
        raise _wrong(Position(file), "this is not YAML: it holds characters that may not stand there") from None


def _wrong(at: Position, message: str) -> InvalidDocuments:
    return InvalidDocuments((Problem(at.file, at.line, "", message),))


class _Builder:
    """Turns events into nodes, checking each."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self._file = file
        self._events = events
        self._nodes = 0

    def documents(self) -> Iterator[Positioned]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.tags or event.version:
                    raise _wrong(self._at(event), "YAML directives are not accepted")
                node = self._node(next(self._events), 0)
                if not (isinstance(node, Scalar) and node.value is None):
                    yield node

    def _node(self, event: Any, depth: int) -> Positioned:
        at = self._at(event)
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise _wrong(at, f"{NODES_MAX} values are the most")
        if depth > DEPTH_MAX:
            raise _wrong(at, f"{DEPTH_MAX} levels inside one another are the most")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _wrong(at, "anchors and aliases (& and *) are not accepted; put the text in quotes")
        if event.tag is not None:
            raise _wrong(at, "tags (!) are not accepted; put the text in quotes")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(_atom(event), at)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(at, depth)
        return self._table(at, depth)

    def _sequence(self, at: Position, depth: int) -> Sequence:
        items: list[Positioned] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(tuple(items), at)

    def _table(self, at: Position, depth: int) -> Table:
        entries: dict[str, tuple[str, Position, Positioned]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_at = self._at(event)
            key = self._node(event, depth + 1)
            text = event.value if isinstance(key, Scalar) else None
            if text is None or not text or len(text) > KEY_CHARACTERS_MAX:
                raise _wrong(key_at, f"a key is a text of 1 to {KEY_CHARACTERS_MAX} characters")
            if text == "<<" and not event.style:
                raise _wrong(key_at, "merge keys (<<) are not accepted")
            if text in entries:
                raise _wrong(key_at, f"the key {text!r} stands here twice")
            entries[text] = (text, key_at, self._node(next(self._events), depth + 1))
        return Table(tuple(entries.values()), at)

    def _at(self, event: Any) -> Position:
        return Position(self._file, event.start_mark.line + 1, event.start_mark.column + 1)


def _atom(event: Any) -> Atom:
    text: str = event.value
    if event.style:  # quoted or block: a text, whatever it looks like
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text
