"""The audit log as people search and verify it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class AuditEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One numbered entry; `fields` hold public values, and sensitive ones that were not erased; never secret ones."""

    number: int
    at: str
    code: str
    type: str
    actor: str
    fields: dict[str, Any]
    leaf_hash: str


class AuditPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first; `next_before` continues the search."""

    items: list[AuditEntry]
    next_before: int | None = None


class AuditVerification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether every entry, every salted value, the root (RFC 6962) and the signed checkpoints add up.

    `erased` counts entries whose values were removed; `checkpoint` is the newest signed note (C2SP), to keep elsewhere.
    """

    ok: bool
    entries: int
    root_hash: str
    problem: str = ""
    problem_entry: int | None = None
    erased: int = 0
    checkpoint: str = ""


class EraseUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A removed user, by the last name or by the id."""

    user: Annotated[str, Meta(min_length=1, max_length=64)]


class ErasedUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many entries lost their values; their hashes stay."""

    user_id: str
    entries: int
