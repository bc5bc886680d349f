"""Declared things as YAML: one set of calls for every kind."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

TEXT_MAX = 1_048_576


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A YAML file as the person wrote it; the name is used in error messages only."""

    name: Annotated[str, Meta(max_length=1024)]
    text: Annotated[str, Meta(max_length=TEXT_MAX)]


class Apply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Validate everything, then store everything, or nothing.

    A document that changes what is there names the revision that it changes in `metadata.revision`, or the call says
    `overwrite`; a revision that is named must be the one that is there, whatever the call says.
    """

    files: Annotated[list[SourceFile], Meta(min_length=1, max_length=256)]
    dry_run: bool = False
    overwrite: bool = False


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to one document: created, updated or unchanged."""

    kind: str
    name: str
    id: str
    revision: int
    action: str
    warnings: list[str] = []


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the order of the documents."""

    changes: list[Change]


class ResourceView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One declared thing: the document as `kinds` dumps it, with its revision in metadata."""

    kind: str
    name: str
    id: str
    revision: int
    document: dict[str, Any]


class ResourceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In order of names."""

    items: list[ResourceView]
