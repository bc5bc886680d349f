"""What is still taken of a session that is over, and when things happened that are told late.

A session that the authority presumed over has a gateway that may be back, with what it could not tell: its events, and
how the session ended. That is taken for some days and in some number, from that gateway, once. A session whose end its
gateway has told is over for good: the end comes with the last of what there is to tell.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from doorward.domain.sessions.record import SessionRecord

LATE_WITHIN: Final = timedelta(days=7)
"""A gateway that is cut off over holidays is back by then; later, what it says of a session is of no use to whoever has
looked into it, and may be taken for what was there when they looked."""
LATE_NOTES_MAX: Final = 4096
"""More than a gateway keeps of one session while the authority is away (`NOTES_PENDING_MAX` there)."""


class NotTaken(StrEnum):
    """Why no more is taken of a session; stands in the log."""

    ENDED = "ended"  # its gateway has told its end
    TOO_LATE = "too_late"
    TOO_MANY = "too_many"


def why_not_taken(session: SessionRecord, notes: int, now: datetime) -> NotTaken | None:
    """Whether the gateway of a session that is over may tell `notes` more events and its end: None when it may."""
    if not session.is_presumed or session.ended is None:
        return NotTaken.ENDED
    if now - session.ended >= LATE_WITHIN:
        return NotTaken.TOO_LATE
    return NotTaken.TOO_MANY if session.late_notes + notes > LATE_NOTES_MAX else None


def happened(session: SessionRecord, now: datetime, age_seconds: int) -> datetime:
    """When something happened that is told so long afterwards; within the session's life, whatever is said."""
    latest = now if session.ended is None else session.ended
    return min(max(now - timedelta(seconds=age_seconds), session.opened), latest)
