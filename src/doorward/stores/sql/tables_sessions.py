"""The tables of sessions: their rows, the orders to cut them, and their recordings.

Triggers made from `MOVES` (see `triggers`) keep a session's state to the moves that its table allows.
"""

from sqlalchemy import BigInteger as Big
from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from doorward.stores.sql.tables import ID, metadata
from doorward.stores.sql.types import JsonText, Moment

sessions = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("proof_digest", LargeBinary, nullable=False, unique=True),
    Column("proof_kind", String(64), nullable=False),
    Column("user_id", ID, nullable=False),
    Column("user_name", String(255), nullable=False),
    Column("sign_in_id", ID, ForeignKey("sign_ins.id"), nullable=False, index=True),
    Column("node_id", ID, nullable=False),
    Column("node_name", String(255), nullable=False),
    Column("login", String(255), nullable=False),
    Column("gateway_id", ID, nullable=False),
    Column("source", String(255), nullable=False),
    Column("basis", String(255), nullable=False),
    Column("obligations", JsonText, nullable=False),
    Column("epoch", Big, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    Column("level_asked", String(32), nullable=False),
    Column("started", Moment),
    Column("ended", Moment),
    Column("end_reason", String(32)),
    Column("end_message", Text, nullable=False),
    Column("level_achieved", String(255), nullable=False),
    Column("bytes_in", Big, nullable=False),
    Column("bytes_out", Big, nullable=False),
    Column("facts", JsonText, nullable=False),
    Column("notes_taken", Big, nullable=False, server_default="0"),
    Column("late_notes", Big, nullable=False, server_default="0"),
    Column("corrected", Moment),
)
Index("sessions_user", sessions.c.user_id, sessions.c.opened)
Index("sessions_node", sessions.c.node_id, sessions.c.opened)
Index("sessions_opened", sessions.c.opened)
# Few of all sessions live: what the watchers ask for stays small however long the history is.
_LIVE = sessions.c.state != "ended"
Index("sessions_live", sessions.c.gateway_id, sqlite_where=_LIVE, postgresql_where=_LIVE)

jumps = Table(
    "jumps",
    metadata,
    Column("proof_digest", LargeBinary, primary_key=True),
    Column("expires", Moment, nullable=False, index=True),
    Column("gateway_id", ID, nullable=False),
    Column("user_id", ID, nullable=False),
    Column("sign_in_id", ID, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("is_live", Boolean, nullable=False),
    Column("cut_epoch", Big),
    Column("cut_message", Text, nullable=False),
)
_IS_LIVE = jumps.c.is_live
Index("jumps_live", jumps.c.gateway_id, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)
_IS_CUT = jumps.c.cut_epoch.is_not(None)
Index("jumps_cut", jumps.c.gateway_id, jumps.c.cut_epoch, sqlite_where=_IS_CUT, postgresql_where=_IS_CUT)

session_cuts = Table(
    "session_cuts",
    metadata,
    Column("gateway_id", ID, primary_key=True),
    Column("epoch", Big, primary_key=True),
    Column("session_id", ID, ForeignKey("sessions.id"), primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("message", Text, nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    Column("session_id", ID, ForeignKey("sessions.id"), primary_key=True),
    Column("started", Moment, nullable=False, index=True),
    Column("size_bytes", Big, nullable=False),
    Column("sealed", Moment),
    Column("digest", LargeBinary, nullable=False),
    Column("manifest", JsonText),
    Column("signature", LargeBinary, nullable=False),
)
