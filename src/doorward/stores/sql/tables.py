"""The tables of the store, except the log's: what the statements are written against.

The migrations create them; a test compares the two. Times are `Moment` (integer microseconds), ids are text of 26
characters, and nothing that was named once is named again: a removed resource leaves its row as a tombstone.
"""

from typing import Final

from sqlalchemy import BigInteger as Big
from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from doorward.stores.sql.types import JsonText, Moment, Serial

ID: Final = String(26)
metadata: Final = MetaData()

installation = Table(
    "installation",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1", name="installation_is_one"), primary_key=True),
    Column("id", ID, nullable=False),
    Column("created", Moment, nullable=False),
)

counters = Table(
    "counters", metadata, Column("name", String(32), primary_key=True), Column("value", Big, nullable=False)
)

revocation = Table(
    "revocation",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="revocation_is_one"), primary_key=True),
    Column("epoch", Big, nullable=False),
)

resources = Table(
    "resources",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("revision", Big, nullable=False),
    Column("body", JsonText, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("deleted", Boolean, nullable=False, default=False),
)
_LIVING = ~resources.c.deleted
Index(
    "resources_kind_name",
    resources.c.kind,
    resources.c.name,
    unique=True,
    sqlite_where=_LIVING,
    postgresql_where=_LIVING,
)

user_persons = Table(
    "user_persons",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("person_id", ID, nullable=False, index=True),
)

identity_links = Table(
    "identity_links",
    metadata,
    Column("issuer", String(512), primary_key=True),
    Column("sub", String(255), primary_key=True),
    Column("user_id", ID, nullable=False, index=True),
)

passwords = Table(
    "passwords",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("changed", Moment, nullable=False),
)

totp_factors = Table(
    "totp_factors",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("last_step", Big, nullable=False),
    Column("created", Moment, nullable=False),
    Column("enrolled_by", String(255), nullable=False),
    Column("confirmed", Moment),
)

factor_failures = Table(
    "factor_failures",
    metadata,
    Column("user_id", ID, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", Moment),
)

recent_factors = Table(
    "recent_factors",
    metadata,
    Column("given_key", String(300), primary_key=True),
    Column("user_id", ID, nullable=False, index=True),
    Column("source", String(255), nullable=False),
    Column("level", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", ID, primary_key=True),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", ID, nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("expires", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("used", Moment),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", ID, primary_key=True),
    Column("user_id", ID, nullable=False, index=True),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("ssh_serial", Serial, nullable=False, unique=True),
    Column("x509_serial", String(64), nullable=False),
    Column("method", String(64), nullable=False),
    Column("source", String(255), nullable=False),
    Column("client", String(255), nullable=False),
    Column("ended", Moment),
    Column("end_reason", String(32)),
    Column("ssh_authority", String(128), nullable=False, server_default=""),
    Column("face_authorities", JsonText, nullable=False, server_default="[]"),
)

gateways = Table(
    "gateways",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("names", JsonText, nullable=False),
    Column("joined", Moment, nullable=False),
    Column("x509_serial", String(64), nullable=False),
    Column("lease_until", Moment),
    Column("disabled", Boolean, nullable=False),
    Column("scope", JsonText, nullable=False, server_default="{}"),
    Column("previous_serial", String(64), nullable=False, server_default=""),
    Column("previous_until", Moment),
    Column("removed", Moment),
    Column("trust", String(64), nullable=False, server_default=""),
)

join_tokens = Table(
    "join_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("target_id", String(255), nullable=False),
    Column("expires", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("used", Moment),
    Column("bound_key", Text, nullable=False),
    Column("accounts", JsonText, nullable=False),
    Column("scope", JsonText, nullable=False, server_default="{}"),
)

node_hosts = Table(
    "node_hosts",
    metadata,
    Column("node_id", ID, primary_key=True),
    Column("fingerprint", String(128), nullable=False),
    Column("host_key", LargeBinary, nullable=False),
    Column("verified_by", String(32), nullable=False),
    Column("verified_at", Moment, nullable=False),
    Column("verifier", String(255), nullable=False),
    Column("session_authorities", JsonText, nullable=False, server_default="[]"),
    Column("host_authority", String(128), nullable=False, server_default=""),
)

noted_keys = Table(
    "noted_keys",
    metadata,
    Column("key_id", ID, primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("fingerprint", String(128), nullable=False),
)
