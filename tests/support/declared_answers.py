"""Answers about declared things, as an authority gives them; made by the kinds themselves."""

from typing import Any, Final

from tests.support.stub_authority import Seen

from doorward.api.bodies.resources import Applied, Change, ResourceView
from doorward.domain.kinds.registry import dump, parse_documents

NODE: Final = """\
kind: node
version: v1
metadata: {name: web, labels: {env: 'no', n: '1:30'}}
spec: {address: 'a.example:22'}
"""


def changed(seen: Seen) -> tuple[int, Any]:
    """An answer to APPLY that takes every document as new."""
    changes = []
    for file in seen.json["files"]:
        for document in parse_documents(file["text"], file["name"]):
            changes.append(Change(document.kind, document.name, "i" * 26, 1, "created", []))
    return 200, Applied(changes)


def applied(seen: Seen) -> Any:
    """The value of the one document that was applied."""
    (file,) = seen.json["files"]
    (declared,) = parse_documents(file["text"], file["name"])
    return declared


def view(text: str, revision: int = 3) -> ResourceView:
    """What the authority shows of a document."""
    (one,) = parse_documents(text, "test")
    return ResourceView(one.kind, one.name, "i" * 26, revision, dump(one.value, revision))
