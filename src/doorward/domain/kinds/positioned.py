"""Documents in which every value remembers where it stood, and the problems found in them.

A document comes from YAML text (with file, line and column) or from stored JSON (without). All problems of an input are
collected, so that a person mends a file once and not one line at a time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from doorward.base.errors import DoorwardError, Invalid

PROBLEMS_MAX: Final = 100  # beyond, nobody reads on
DEPTH_MAX: Final = 32
NODES_MAX: Final = 200_000

Atom = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands; lines and columns count from 1, 0 is unknown."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    value: Atom
    at: Position


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Positioned", ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Table:
    """A map with text keys, none of them twice."""

    entries: tuple[tuple[str, Position, "Positioned"], ...]
    at: Position


Positioned = Scalar | Sequence | Table


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, in which field (`spec.allow.logins[2]`), and what."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.field, self.message) if part)


class InvalidDocuments(Invalid):
    """Documents that can not be accepted; nothing of their input was."""

    code = "invalid_documents"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))[:PROBLEMS_MAX]
        super().__init__("reading documents: " + "; ".join(str(problem) for problem in self.problems[:3]))


class Placed(DoorwardError):
    """What can not be done with documents that are well written, and where in them it stands: one of the five kinds."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))[:PROBLEMS_MAX]

    @classmethod
    def among(cls, problems: Iterable[Problem]) -> Self:
        """With the first of the problems as its sentence."""
        found = tuple(problems)
        return cls("applying: " + "; ".join(str(problem) for problem in found[:3]), found)


def from_plain(value: Any, file: str = "") -> Positioned:
    """A document from plain JSON values; `InvalidDocuments` when it is too large or holds something else."""
    at = Position(file)
    count = 0

    def node(plain: Any, depth: int) -> Positioned:
        nonlocal count
        count += 1
        if count > NODES_MAX or depth > DEPTH_MAX:
            raise InvalidDocuments((Problem(file, 0, "", "the document is too large or too deep"),))
        if isinstance(plain, Mapping):
            return Table(tuple((_key(key), at, node(item, depth + 1)) for key, item in plain.items()), at)
        if isinstance(plain, list | tuple):
            return Sequence(tuple(node(item, depth + 1) for item in plain), at)
        if plain is None or isinstance(plain, str | bool | int):
            return Scalar(plain, at)
        raise InvalidDocuments((Problem(file, 0, "", "a value that is no text, number, truth, list or map"),))

    def _key(key: Any) -> str:
        if not isinstance(key, str):
            raise InvalidDocuments((Problem(file, 0, "", "a key that is no text"),))
        return key

    return node(value, 0)


def to_plain(node: Positioned) -> Any:
    """The plain JSON value of a document."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return {key: to_plain(item) for key, _, item in node.entries}
