"""Verifying the stored log, entry by entry in bounded memory, and erasing what it holds about someone."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, or_, select, update

from doorward.domain.audit.log import LogHead, VerifyReport
from doorward.domain.audit.verification import SUBJECT_COLUMNS, LogVerifier, StoredEntry
from doorward.stores.sql.tables_log import log_checkpoints, log_entries, log_head

CHUNK_ENTRIES: Final = 512  # at most 64 KiB a leaf and as much beside it: some tens of MiB at the very worst
_COLUMNS: Final = ("at_micros", "code", "type", "actor_id", *SUBJECT_COLUMNS)


def verify_log(connection: Connection, checkpoints: Mapping[int, bytes] | None = None) -> VerifyReport:
    """Recompute everything within the caller's snapshot; report the first entry that is not as it was written.

    The checkpoints kept in the database are checked as well; those given by the caller, who got them from elsewhere,
    are what finds a log that was replaced as a whole.
    """
    verifier = LogVerifier({**_kept_checkpoints(connection), **(checkpoints or {})})
    after = -1
    while not verifier.has_fault:
        statement = select(log_entries).where(log_entries.c.seq > after)
        rows = connection.execute(statement.order_by(log_entries.c.seq).limit(CHUNK_ENTRIES)).all()
        if not rows:
            break
        for row in rows:
            verifier.feed(_stored(row))
        after = rows[-1].seq
    head = connection.execute(select(log_head).where(log_head.c.id == 1)).one_or_none()
    if head is None:
        return verifier.report(LogHead(-1, b"", 0), b"")
    return verifier.report(LogHead(head.size, head.root, head.last_at_micros), head.frontier)


def erase_user(connection: Connection, user_id: str) -> int:
    """Remove the values and salts of every entry that a user did or that is about him; how many entries had some.

    The caller logs `audit.erased` in the same unit of work. Leaves stay, so the log still verifies.
    """
    about = or_(log_entries.c.user_id == user_id, log_entries.c.actor_id == user_id)
    return connection.execute(
        update(log_entries).where(about, log_entries.c.sidecar.is_not(None)).values(sidecar=None)
    ).rowcount


def _kept_checkpoints(connection: Connection) -> dict[int, bytes]:
    return {row.size: row.root for row in connection.execute(select(log_checkpoints.c.size, log_checkpoints.c.root))}


def _stored(row: Row[Any]) -> StoredEntry:
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return StoredEntry(row.seq, row.leaf, row.leaf_hash, row.sidecar, columns)
