"""Declared things: composing documents, applying them, and showing what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from doorward.api.bodies.resources import Applied, Apply, ResourceView, SourceFile
from doorward.api.calls import APPLY
from doorward.api.client.user import UserClient
from doorward.cli import shown
from doorward.cli.exits import COMPOSED_NAME, say

TOP_ORDER: Final = ("kind", "version", "metadata", "spec")
METADATA_ORDER: Final = ("name", "description", "labels", "revision")


def apply_files(
    client: UserClient, sources: Sequence[SourceFile], *, dry_run: bool = False, overwrite: bool = False
) -> Applied:
    """All of it or nothing."""
    return client.call(APPLY, Apply(files=[*sources], dry_run=dry_run, overwrite=overwrite))


def apply_document(client: UserClient, document: Mapping[str, Any]) -> Applied:
    """A document that we composed, through the same call as everybody's files."""
    return apply_files(client, [SourceFile(name=COMPOSED_NAME, text=shown.yaml_text([document]))])


def print_changes(applied: Applied, *, dry_run: bool = False) -> None:
    """One line for each document, warnings on standard error."""
    for change in applied.changes:
        suffix = " (dry run)" if dry_run else ""
        shown.line(f"{change.kind}/{change.name} {change.action}, revision {change.revision}{suffix}")
        for warning in change.warnings:
            say(f"warning: {change.kind}/{change.name}: {warning}")


def print_resources(views: Sequence[ResourceView], output: str, *, single: bool) -> None:
    """As YAML that can be applied again, as JSON, or as a table."""
    if output == "json":
        shown.as_json(views[0] if single else views)
    elif output == "yaml":
        shown.block(resources_yaml(views))
    else:
        shown.table(
            ("KIND", "NAME", "REVISION", "LABELS"),
            [(view.kind, view.name, str(view.revision), shown.labels_text(_labels(view))) for view in views],
        )


def resources_yaml(views: Sequence[ResourceView]) -> str:
    """Documents in the order in which people write them; nothing when there are none."""
    return shown.yaml_text([_ordered(_ordered_metadata(view.document), TOP_ORDER) for view in views]) if views else ""


def _ordered_metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    return {**document, "metadata": _ordered(metadata, METADATA_ORDER)} if isinstance(metadata, dict) else document


def _ordered(table: Mapping[str, Any], first: Sequence[str]) -> dict[str, Any]:
    keys = [key for key in first if key in table] + [key for key in table if key not in first]
    return {key: table[key] for key in keys}


def _labels(view: ResourceView) -> dict[str, str]:
    metadata = view.document.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
