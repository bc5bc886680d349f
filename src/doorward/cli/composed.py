"""Documents that commands compose, in the form that a person would write."""

from collections.abc import Mapping, Sequence
from typing import Any

from doorward.base.errors import Invalid

Document = dict[str, Any]


def node_document(name: str, address: str, labels: Mapping[str, str]) -> Document:
    """A node and where it is reached."""
    metadata: Document = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    return {"kind": "node", "version": "v1", "metadata": metadata, "spec": {"address": address}}


def lock_document(name: str, target: Mapping[str, str], message: str, expires: str | None) -> Document:
    """A lock on everything that `target` names, all of it together; `expires` is RFC 3339."""
    spec: Document = {"target": dict(target)}
    if message:
        spec["message"] = message
    if expires:
        spec["expires"] = expires
    return {"kind": "lock", "version": "v1", "metadata": {"name": name}, "spec": spec}


def disabled_user(document: Mapping[str, Any]) -> Document:
    """The same user, disabled; the revision in it makes sure that it is the same."""
    spec = document.get("spec")
    return {**document, "spec": {**(spec if isinstance(spec, dict) else {}), "disabled": True}}


def parse_labels(words: Sequence[str]) -> dict[str, str]:
    """`k=v` words; `Invalid` when one is none, or a key stands twice."""
    labels: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or key in labels:
            raise Invalid("reading labels: KEY=VALUE is expected, each key once")
        labels[key] = value
    return labels


def parse_scope(words: Sequence[str]) -> dict[str, list[str]]:
    """`k=v` words, a key as often as it has values; `Invalid` when one is none."""
    scope: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise Invalid("reading a scope: KEY=VALUE is expected")
        scope.setdefault(key, []).append(value)
    return scope
