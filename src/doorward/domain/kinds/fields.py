"""Reading one map of a document, field by field, collecting what is wrong.

Every reader answers with a value of the right type, a harmless one after a problem, so that reading goes on and all
problems are found; whoever reads must look at `problems` before the result is used. `finish` reports the fields that
nobody asked for: an unknown field is an error, since a silently dropped restriction is an open door.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from doorward.base.duration import parse_duration
from doorward.base.errors import Invalid
from doorward.domain.kinds.positioned import Position, Positioned, Problem, Scalar, Sequence, Table

TEXT_CHARACTERS_MAX: Final = 4096
ITEMS_MAX: Final = 1000
_RFC_3339: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
Parsed = TypeVar("Parsed")


@dataclass(slots=True)
class Fields:
    """A map being read. `path` is the name of the map itself, empty for the whole document."""

    table: Table
    path: str
    problems: list[Problem]
    _asked: set[str] = field(default_factory=set)

    @staticmethod
    def of(node: Positioned, path: str, problems: list[Problem]) -> "Fields":
        """The fields of `node`, none when it is no map."""
        if isinstance(node, Table):
            return Fields(node, path, problems)
        problems.append(Problem(node.at.file, node.at.line, path, "a map is expected"))
        return Fields(Table((), node.at), path, problems)

    def name_of(self, key: str) -> str:
        """The full name of a field of this map."""
        return f"{self.path}.{key}" if self.path else key

    def node(self, key: str) -> Positioned | None:
        """The value of a field, None when it is absent."""
        self._asked.add(key)
        return next((node for name, _, node in self.table.entries if name == key), None)

    def has(self, key: str) -> bool:
        """Whether the field is there."""
        return any(name == key for name, _, _ in self.table.entries)

    def wrong(self, key: str, message: str, node: Positioned | None = None) -> None:
        """Note a problem with a field of this map (or with `node` inside it)."""
        at = node.at if node is not None else self._position(key)
        self.problems.append(Problem(at.file, at.line, self.name_of(key) if key else self.path, message))

    def finish(self) -> None:
        """Report the fields that nobody asked for."""
        for name, _, _ in self.table.entries:
            if name not in self._asked:
                self.wrong(name, "there is no such field")

    def within(self, key: str, *, required: bool = False) -> "Fields":
        """A map inside this one; without fields when absent."""
        node = self._present(key, required=required)
        if node is None:
            return Fields(Table((), self.table.at), self.name_of(key), self.problems)
        return Fields.of(node, self.name_of(key), self.problems)

    def text(self, key: str, *, default: str = "", required: bool = False, longest: int = TEXT_CHARACTERS_MAX) -> str:
        """A text of 1 to `longest` characters; a number is taken as it was typed."""
        node = self._present(key, required=required)
        return default if node is None else self.text_at(key, node, default=default, longest=longest)

    def text_at(self, key: str, node: Positioned, *, default: str = "", longest: int = TEXT_CHARACTERS_MAX) -> str:
        """The text of a node inside this map."""
        if isinstance(node, Scalar) and isinstance(node.value, str | int) and not isinstance(node.value, bool):
            text = str(node.value)
            if len(text) <= longest:
                return text
            self.wrong(key, f"{longest} characters are the most", node)
            return default
        self.wrong(key, "a text is expected", node)
        return default

    def items(self, key: str, *, most: int = ITEMS_MAX, single: bool = False) -> tuple[tuple[str, Positioned], ...]:
        """The items of a list and their names, `key[0]` ...; with `single`, one value stands for a list of one."""
        node = self.node(key)
        if node is None:
            return ()
        if single and isinstance(node, Scalar):
            return ((key, node),)
        if not isinstance(node, Sequence):
            self.wrong(key, "a list is expected", node)
            return ()
        if len(node.items) > most:
            self.wrong(key, f"{most} items are the most", node)
            return ()
        return tuple((f"{key}[{place}]", item) for place, item in enumerate(node.items))

    def texts(self, key: str, *, most: int = ITEMS_MAX, single: bool = False) -> tuple[str, ...]:
        """A list of texts, none of them twice."""
        found: dict[str, None] = {}
        for name, node in self.items(key, most=most, single=single):
            text = self.text_at(name, node)
            if text in found:
                self.wrong(name, "this stands here twice", node)
            found[text] = None
        return tuple(found)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """true or false."""
        node = self.node(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.wrong(key, "true or false is expected", node)
        return default

    def number(self, key: str, *, least: int, most: int) -> int | None:
        """A whole number, None when absent."""
        node = self.node(key)
        if node is None:
            return None
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(key, f"a number from {least} to {most} is expected", node)
        return None

    def duration(self, key: str, *, least: timedelta, most: timedelta) -> timedelta | None:
        """A duration like 30m, None when absent."""
        value = self.parsed(key, parse_duration)
        if value is not None and not least <= value <= most:
            self.wrong(key, f"a duration from {least} to {most} is expected")
            return None
        return value

    def moment(self, key: str) -> datetime | None:
        """An RFC 3339 time with its zone, None when absent."""
        return self.parsed(key, parse_moment)

    def parsed(self, key: str, parse: Callable[[str], Parsed], *, required: bool = False) -> Parsed | None:
        """A text through `parse`, whose `Invalid` becomes a problem of this field."""
        node = self._present(key, required=required)
        return None if node is None else self.parsed_at(key, node, parse)

    def parsed_at(self, key: str, node: Positioned, parse: Callable[[str], Parsed]) -> Parsed | None:
        """The text of a node inside this map through `parse`."""
        before = len(self.problems)
        text = self.text_at(key, node)
        if len(self.problems) > before:
            return None
        try:
            return parse(text)
        except Invalid as problem:
            self.wrong(key, problem.message, node)
            return None

    def _present(self, key: str, *, required: bool) -> Positioned | None:
        node = self.node(key)
        if node is None and required:
            self.wrong(key, "this field is needed")
        return node

    def _position(self, key: str) -> Position:
        return next((at for name, at, _ in self.table.entries if name == key), self.table.at)


def parse_moment(text: str) -> datetime:
    """An RFC 3339 time; `Invalid` without a zone or when there is no such day."""
    if _RFC_3339.fullmatch(text) is not None:
        try:
            return datetime.fromisoformat(text.upper())
        except ValueError:
            pass
    raise Invalid("reading a time: write it like 2026-12-31T18:00:00Z")
