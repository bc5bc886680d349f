"""What every declared thing has in common: kind, version, metadata, spec."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from doorward.base.errors import Invalid
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.names import CheckName, one_line, plain_name

REVISION_MAX: Final = 2**53 - 1  # what JSON numbers carry exactly
DESCRIPTION_CHARACTERS_MAX: Final = 1024


class Named(Protocol):
    """What every value has."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...


Value = TypeVar("Value", bound=Named)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of one document; `revision` is the one that the writer saw, None when it does not say.

    `fields` is the map itself, for what only some kinds have in it.
    """

    name: str
    fields: Fields = field(compare=False, repr=False)
    description: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value]):
    """A kind of declared thing: how its value is read from a document and written as the body of one.

    `parse` gets the document, its metadata and version, reads `spec` (and of `metadata` what only this kind has) and
    may return anything once it has noted a problem. `dump` gives the spec, and what only this kind has in its metadata.
    A value is written in its own `version` where it has one, else in the first of `versions`.
    """

    name: str
    versions: tuple[str, ...]
    value_type: type[Value]
    parse: Callable[[Fields, Metadata, str], Value]
    dump: Callable[[Value], dict[str, Any]]
    check_name: CheckName = plain_name


def parse_metadata(document: Fields, check_name: CheckName) -> Metadata:
    """The metadata; the caller finishes its fields."""
    metadata = document.within("metadata", required=True)
    name = metadata.parsed("name", check_name, required=True) or ""
    description = metadata.parsed("description", _description) or ""
    revision = metadata.number("revision", least=0, most=REVISION_MAX)
    return Metadata(name, metadata, description, revision)


def dump_document(kind: Kind[Any], value: Any, revision: int | None) -> dict[str, Any]:
    """The whole document of a value, plain and JSON-able."""
    body: Mapping[str, Any] = kind.dump(value)
    metadata: dict[str, Any] = {"name": value.name}
    if value.description:
        metadata["description"] = value.description
    metadata |= body.get("metadata", {})
    if revision is not None:
        metadata["revision"] = revision
    version = getattr(value, "version", kind.versions[0])
    return {"kind": kind.name, "version": version, "metadata": metadata, "spec": body["spec"]}


def _description(text: str) -> str:
    if len(text) > DESCRIPTION_CHARACTERS_MAX:
        raise Invalid(f"reading a description: {DESCRIPTION_CHARACTERS_MAX} characters are the most")
    return one_line(text)
