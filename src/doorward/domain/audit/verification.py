"""Recomputing the log: every leaf, every column beside it, and the root over all.

Fed one stored entry after the other, it keeps a frontier and nothing else, so it takes the same memory for any length.
It trusts no column: what a search shows must be what the leaf says, and the leaf must hash to what the tree holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from doorward.domain.audit.leaf import sidecar_fault
from doorward.domain.audit.log import LogHead, VerifyReport
from doorward.domain.audit.merkle import Frontier, leaf_hash

SUBJECT_COLUMNS: Final[Mapping[str, str]] = {
    "user_id": "user",
    "person_id": "person",
    "node_id": "node",
    "session_id": "session",
    "sign_in_id": "sign_in",
    "gateway_id": "gateway",
    "resource_id": "resource",
}


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of the log. `columns` holds at_micros, code, type, actor_id and the columns of `SUBJECT_COLUMNS`."""

    seq: int
    leaf: bytes
    leaf_hash: bytes
    sidecar: str | None
    columns: Mapping[str, object]


class LogVerifier:
    """Feed it every entry in order, then ask for the report. After the first fault it looks no further."""

    def __init__(self, checkpoints: Mapping[int, bytes] | None = None) -> None:
        """`checkpoints`: roots by size that someone else kept, which this log must have passed through."""
        self._checkpoints = dict(checkpoints or {})
        self._frontier = Frontier()
        self._erased = 0
        self._met = 0
        self._fault: str | None = None
        self._fault_seq: int | None = None

    @property
    def has_fault(self) -> bool:
        """Whether something was found already."""
        return self._fault is not None

    def feed(self, entry: StoredEntry) -> None:
        """Check the next entry."""
        if self.has_fault:
            return
        self._fault = self._check(entry)
        if self._fault is not None:
            self._fault_seq = entry.seq
            return
        self._frontier = self._frontier.extended((entry.leaf_hash,))
        self._check_checkpoint()

    def report(self, head: LogHead, head_frontier: bytes) -> VerifyReport:
        """The result, after the last entry; `head` and `head_frontier` are what is stored as the log's end."""
        root = self._frontier.root()
        if not self.has_fault:
            self._fault = self._head_fault(head, head_frontier, root)
        return VerifyReport(self._frontier.size, root, self._erased, self._fault, self._fault_seq, self._met)

    def _check(self, entry: StoredEntry) -> str | None:
        if entry.seq != self._frontier.size:
            return f"entry {self._frontier.size} is missing"
        if not compare_digest(leaf_hash(entry.leaf), entry.leaf_hash):
            return "the leaf does not hash to what is stored"
        try:
            body = json.loads(entry.leaf)
        except (ValueError, RecursionError):
            return "the leaf is not JSON"
        if not isinstance(body, dict) or body.get("v") != 1:
            return "the leaf is not of version 1"
        wrong = _wrong_column(body, entry.columns)
        if wrong is not None:
            return f"the column {wrong} is not what the leaf says"
        if entry.sidecar is None and body.get("hashed"):
            self._erased += 1
        return sidecar_fault(body, entry.sidecar)

    def _check_checkpoint(self) -> None:
        expected = self._checkpoints.get(self._frontier.size)
        if expected is None:
            return
        self._met += 1
        if not compare_digest(expected, self._frontier.root()):
            self._fault = f"the root over the first {self._frontier.size} entries is not that of the checkpoint"

    def _head_fault(self, head: LogHead, head_frontier: bytes, root: bytes) -> str | None:
        if head.size != self._frontier.size:
            return f"the head counts {head.size} entries"
        if not compare_digest(head_frontier, self._frontier.to_bytes()) or not compare_digest(head.root, root):
            return "the head's hashes are not those of the entries"
        beyond = [size for size in self._checkpoints if size > head.size]
        if beyond:
            return f"a checkpoint counts {min(beyond)} entries"
        return None


def _wrong_column(body: Mapping[str, object], columns: Mapping[str, object]) -> str | None:
    actor = body.get("actor")
    subjects = body.get("subjects", {})
    if not isinstance(actor, dict) or not isinstance(subjects, dict):
        return "actor"
    expected: dict[str, object] = {
        "at_micros": body.get("at"),
        "code": body.get("code"),
        "type": body.get("type"),
        "actor_id": actor.get("id"),
    }
    for column, name in SUBJECT_COLUMNS.items():
        expected[column] = subjects.get(name)
    for column, value in expected.items():
        if columns.get(column) != value:
            return column
    return None
