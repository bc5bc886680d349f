"""What is known of recordings; their content lies in the blob store."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from doorward.authority.ports import RecordingRow
from doorward.base.errors import Invalid
from doorward.base.ids import SessionId, UserId
from doorward.stores.sql.tables_sessions import recordings, sessions

PAGE_RECORDINGS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class SqlRecordings:
    """`Recordings` of `authority.ports`."""

    connection: Connection

    def add(self, row: RecordingRow) -> None:
        """Keep a new one; its session must exist."""
        self.connection.execute(insert(recordings).values(**asdict(row)))

    def get(self, session_id: SessionId) -> RecordingRow | None:
        """The recording of a session."""
        row = self.connection.execute(select(recordings).where(recordings.c.session_id == session_id)).one_or_none()
        return None if row is None else _recording(row)

    def grow(self, session_id: SessionId, size_bytes: int) -> None:
        """Note how long it is by now; a sealed one does not change, and none gets shorter."""
        self.connection.execute(
            update(recordings)
            .where(
                recordings.c.session_id == session_id,
                recordings.c.sealed.is_(None),
                recordings.c.size_bytes < size_bytes,
            )
            .values(size_bytes=size_bytes)
        )

    def seal(
        self, session_id: SessionId, now: datetime, digest: bytes, manifest: Mapping[str, Any], signature: bytes
    ) -> bool:
        """Complete it; true once."""
        found = self.connection.execute(
            update(recordings)
            .where(recordings.c.session_id == session_id, recordings.c.sealed.is_(None))
            .values(sealed=now, digest=digest, manifest=manifest, signature=signature)
        )
        return found.rowcount == 1

    def list(self, limit: int, user_id: UserId | None = None) -> Sequence[RecordingRow]:
        """The newest first, of one user's sessions alone when one is named; a limit beyond the page is `Invalid`."""
        if not 1 <= limit <= PAGE_RECORDINGS_MAX:
            raise Invalid(f"listing recordings: a page has 1 to {PAGE_RECORDINGS_MAX} of them")
        statement = select(recordings)
        if user_id is not None:
            statement = statement.join(sessions, sessions.c.id == recordings.c.session_id)
            statement = statement.where(sessions.c.user_id == user_id)
        rows = self.connection.execute(
            statement.order_by(recordings.c.started.desc(), recordings.c.session_id).limit(limit)
        )
        return [_recording(row) for row in rows]


def _recording(row: Row[Any]) -> RecordingRow:
    return RecordingRow(
        session_id=row.session_id,
        started=row.started,
        size_bytes=row.size_bytes,
        sealed=row.sealed,
        digest=row.digest,
        manifest=row.manifest,
        signature=row.signature,
    )
