"""The kind `node`: a server reached by SSH, with its address and the labels that roles select it by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.domain.kinds.envelope import Kind, Metadata
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.names import address, label_key, node_name, one_line

VERSION: Final = "v1"
LABELS_MAX: Final = 100
LABEL_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Node:
    """A node as declared; which key proves it is kept elsewhere. An IPv6 host stands in brackets."""

    name: str
    host: str
    port: int
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{self.host}:{self.port}"


def parse_node(document: Fields, metadata: Metadata, version: str) -> Node:
    """The node of a document."""
    labels = parse_labels(metadata.fields)
    spec = document.within("spec", required=True)
    host, port = spec.parsed("address", address, required=True) or ("", 0)
    spec.finish()
    return Node(metadata.name, host, port, labels, metadata.description)


def parse_labels(metadata: Fields) -> dict[str, str]:
    """The labels in a document's metadata: literal keys and printable values."""
    table = metadata.within("labels")
    if len(table.table.entries) > LABELS_MAX:
        metadata.wrong("labels", f"{LABELS_MAX} labels are the most")
        return {}
    labels: dict[str, str] = {}
    for key, _, node in table.table.entries:
        try:
            label_key(key)
        except Invalid as problem:
            table.wrong(key, problem.message)
        labels[key] = table.parsed_at(key, node, label_value) or ""
    return labels


def label_value(text: str) -> str:
    """The value of a label: printable, or empty."""
    if len(text) > LABEL_CHARACTERS_MAX:
        raise Invalid(f"reading a label: a value has at most {LABEL_CHARACTERS_MAX} characters")
    return one_line(text)


def dump_node(node: Node) -> dict[str, Any]:
    """The labels and the spec that `parse_node` reads back."""
    body: dict[str, Any] = {"spec": {"address": node.address}}
    return body | ({"metadata": {"labels": dict(node.labels)}} if node.labels else {})


NODE: Final = Kind(
    "node",
    (VERSION,),
    Node,
    parse_node,
    dump_node,
    check_name=node_name,
)
