"""All kinds, and how documents of any kind are read and written.

A kind is a file, one line in this table, its name among the resources that rights are about (`access.rights`), and what
a change of it may give away (`authority.changes`): the authority does not start while one of the three lists lacks a
kind. Whatever else goes over all kinds goes over this table. CONTRIBUTING.md, "A new kind", names every place to touch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from doorward.domain.access.rights import KIND_RESOURCES
from doorward.domain.kinds.envelope import Kind, dump_document, parse_metadata
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.lock import LOCK
from doorward.domain.kinds.node import NODE
from doorward.domain.kinds.oidc_connector import OIDC_CONNECTOR
from doorward.domain.kinds.positioned import InvalidDocuments, Positioned, Problem, Table, from_plain
from doorward.domain.kinds.role import ROLE
from doorward.domain.kinds.user import USER
from doorward.domain.kinds.yaml_text import parse_yaml


def table_of(*kinds: Kind[Any]) -> dict[str, Kind[Any]]:
    """The kinds by name. Each has rights over it and each right over a kind has the kind: neither can be forgotten.

    A role is a kind itself and speaks of all of them, so the names can not be read off this table: they stand below it.
    """
    table = {kind.name: kind for kind in kinds}
    if len(table) != len(kinds) or table.keys() != set(KIND_RESOURCES):
        odd = ", ".join(sorted(table.keys() ^ set(KIND_RESOURCES))) or "one of them stands twice"
        raise ValueError(f"the kinds and the resources that rights are about differ: {odd}")
    return table


KINDS: Final = table_of(USER, ROLE, NODE, LOCK, OIDC_CONNECTOR)


@dataclass(frozen=True, slots=True)
class Declared:
    """One document: what it declares, on which revision it builds, and where it stood."""

    kind: str
    name: str
    revision: int | None
    description: str
    value: Any
    file: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def problem(self, field: str, message: str) -> Problem:
        """Something that is wrong with a field of this document; its line is the field's, where it stands there."""
        return Problem(self.file, self.lines.get(field, self.line), field, message)


def parse_documents(text: str, file: str) -> tuple[Declared, ...]:
    """Every document of a YAML text; `InvalidDocuments` with all problems when any of them is wrong."""
    problems: list[Problem] = []
    declared: list[Declared] = []
    seen: set[tuple[str, str]] = set()
    for node in parse_yaml(text, file):
        one = _document(node, problems)
        if one is None:
            continue
        if (one.kind, one.name) in seen:
            problems.append(Problem(file, one.line, "metadata.name", f"{one.kind} {one.name} stands here twice"))
        seen.add((one.kind, one.name))
        declared.append(one)
    if problems:
        raise InvalidDocuments(sorted(problems, key=lambda problem: problem.line))
    return tuple(declared)


def parse_body(body: Mapping[str, Any], file: str = "") -> Declared:
    """One document from plain values, as an API call carries it; `InvalidDocuments` with all problems."""
    problems: list[Problem] = []
    declared = _document(from_plain(body, file), problems)
    if problems or declared is None:
        raise InvalidDocuments(problems)
    return declared


def load_body(kind: str, body: Mapping[str, Any]) -> Any:
    """The value of a stored document of `kind`; `InvalidDocuments` when it is of another kind or wrong."""
    declared = parse_body(body)
    if declared.kind != kind:
        raise InvalidDocuments((Problem("", 0, "kind", f"{kind} is expected"),))
    return declared.value


def kind_of(value: Any) -> Kind[Any]:
    """The kind that a value is of."""
    return next(kind for kind in KINDS.values() if isinstance(value, kind.value_type))


def dump(value: Any, revision: int | None = None) -> dict[str, Any]:
    """The plain, JSON-able document of a value of any kind; `parse_body` and `load_body` read it back."""
    return dump_document(kind_of(value), value, revision)


def _document(node: Positioned, problems: list[Problem]) -> Declared | None:
    document = Fields.of(node, "", problems)
    if not isinstance(node, Table):
        return None
    name = document.text("kind", required=True)
    kind = KINDS.get(name)
    if kind is None:
        if document.has("kind"):
            document.wrong("kind", f"one of {', '.join(sorted(KINDS))} is expected")
        return None
    version = document.text("version", required=True)
    if document.has("version") and version not in kind.versions:
        document.wrong("version", f"one of {', '.join(kind.versions)} is expected")
    metadata = parse_metadata(document, kind.check_name)
    value = kind.parse(document, metadata, version)
    metadata.fields.finish()
    document.finish()
    return Declared(
        kind.name,
        metadata.name,
        metadata.revision,
        metadata.description,
        value,
        node.at.file,
        node.at.line,
        _lines(node),
    )


def _lines(document: Table) -> dict[str, int]:
    """Where the fields of `metadata` and `spec` stand."""
    return {
        f"{part}.{name}": at.line
        for part, _, inner in document.entries
        if part in {"metadata", "spec"} and isinstance(inner, Table)
        for name, at, _ in inner.entries
    }
