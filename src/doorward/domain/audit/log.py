"""What the log answers: entries, its head, searches, and the report of a verification."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from doorward.base.errors import Invalid

PAGE_ENTRIES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class LogHead:
    """How long the log is and what it hashes to; `last_at_micros` is the latest time that any entry bears."""

    size: int
    root: bytes
    last_at_micros: int


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What to look for; every part narrows, None does not. Newest first; `before_seq` continues a page.

    `user_id` finds what a user did and what was done to him; a person's id will do. Types are names of the
    catalogue, any of them.
    """

    since: datetime | None = None
    until: datetime | None = None
    user_id: str | None = None
    node_id: str | None = None
    resource_id: str | None = None
    session_id: str | None = None
    types: tuple[str, ...] = ()
    before_seq: int | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= PAGE_ENTRIES_MAX:
            raise Invalid(f"searching the log: a page has 1 to {PAGE_ENTRIES_MAX} entries")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry as a reader sees it. `fields` holds public and sensitive values; `withheld` names those that are
    secret, `erased` those whose values were removed."""

    seq: int
    at: datetime
    code: str
    type: str
    actor_kind: str
    actor_id: str
    subjects: Mapping[str, str]
    fields: Mapping[str, Any]
    leaf_hash: bytes
    withheld: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What recomputing the whole log found. `fault` is none when all is as it was written.

    `fault_seq` is the first entry that is not as it should be, or none when the fault is in the head or a checkpoint.
    `erased` counts entries whose values were removed.
    """

    entries: int
    root: bytes
    erased: int = 0
    fault: str | None = None
    fault_seq: int | None = None
    checkpoints: int = field(default=0)

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return self.fault is None
