"""How a moment is written for people: RFC 3339 in UTC, to the second, as `--since` and `--until` read it back.

One form everywhere, without a space, so that a table stays a table to whoever cuts it into columns.
"""

from datetime import UTC, datetime


def moment_text(moment: datetime) -> str:
    """`2026-01-31T12:00:00Z`; what is shorter than a second is dropped."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
