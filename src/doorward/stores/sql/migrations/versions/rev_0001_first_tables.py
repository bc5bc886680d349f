"""The first tables, with their triggers and the rows that are always there."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

from doorward.stores.sql.triggers import trigger_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
ID = sa.String(length=26)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make everything."""
    _make_ground()
    _make_users()
    _make_factors()
    _make_machines()
    _make_sessions()
    _make_log()
    _fill()
    for statement in trigger_statements(op.get_bind().dialect.name):
        op.get_bind().exec_driver_sql(statement)


def _fill() -> None:
    empty_root = sha256(b"").digest()
    head = sa.table("log_head", *(sa.column(name) for name in ("id", "size", "frontier", "root", "last_at_micros")))
    op.get_bind().execute(head.insert().values(id=1, size=0, frontier=b"", root=empty_root, last_at_micros=0))
    op.execute("INSERT INTO revocation (id, epoch) VALUES (1, 0)")
    op.execute("INSERT INTO counters (name, value) VALUES ('resources', 0)")


def _make_ground() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "installation",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("created", BIG, nullable=False),
        sa.CheckConstraint("one = 1", name="installation_is_one"),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "resources",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("revision", BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated", BIG, nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "resources_kind_name",
        "resources",
        ["kind", "name"],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "revocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.CheckConstraint("id = 1", name="revocation_is_one"),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_users() -> None:
    op.create_table(
        "identity_links",
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("sub", sa.String(length=255), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "sub"),
    )
    op.create_index(op.f("ix_identity_links_user_id"), "identity_links", ["user_id"], unique=False)
    op.create_table(
        "sign_ins",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created", BIG, nullable=False),
        sa.Column("expires", BIG, nullable=False),
        sa.Column("ssh_serial", BIG, nullable=False),
        sa.Column("x509_serial", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("client", sa.String(length=255), nullable=False),
        sa.Column("ended", BIG, nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ssh_serial"),
    )
    op.create_index(op.f("ix_sign_ins_user_id"), "sign_ins", ["user_id"], unique=False)
    op.create_table(
        "user_persons",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_index(op.f("ix_user_persons_person_id"), "user_persons", ["person_id"], unique=False)


def _make_factors() -> None:
    op.create_table(
        "factor_failures",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", BIG, nullable=True),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", ID, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("expires", BIG, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("used", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code_hash"),
    )
    op.create_index(op.f("ix_invitations_user_id"), "invitations", ["user_id"], unique=False)
    op.create_table(
        "passwords",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("changed", BIG, nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "totp_factors",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", BIG, nullable=False),
        sa.Column("created", BIG, nullable=False),
        sa.Column("enrolled_by", sa.String(length=255), nullable=False),
        sa.Column("confirmed", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_totp_factors_user_id"), "totp_factors", ["user_id"], unique=False)


def _make_machines() -> None:
    op.create_table(
        "gateways",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("joined", BIG, nullable=False),
        sa.Column("x509_serial", sa.String(length=64), nullable=False),
        sa.Column("lease_until", BIG, nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "join_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("target_id", sa.String(length=255), nullable=False),
        sa.Column("expires", BIG, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("used", BIG, nullable=True),
        sa.Column("bound_key", sa.Text(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "node_hosts",
        sa.Column("node_id", ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=128), nullable=False),
        sa.Column("host_key", sa.LargeBinary(), nullable=False),
        sa.Column("verified_by", sa.String(length=32), nullable=False),
        sa.Column("verified_at", BIG, nullable=False),
        sa.Column("verifier", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("node_id"),
    )


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proof_digest", sa.LargeBinary(), nullable=False),
        sa.Column("proof_kind", sa.String(length=64), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("sign_in_id", ID, nullable=False),
        sa.Column("node_id", ID, nullable=False),
        sa.Column("node_name", sa.String(length=255), nullable=False),
        sa.Column("login", sa.String(length=255), nullable=False),
        sa.Column("gateway_id", ID, nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("basis", sa.String(length=255), nullable=False),
        sa.Column("obligations", sa.Text(), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("opened", BIG, nullable=False),
        sa.Column("deadline", BIG, nullable=False),
        sa.Column("level_asked", sa.String(length=32), nullable=False),
        sa.Column("started", BIG, nullable=True),
        sa.Column("ended", BIG, nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("end_message", sa.Text(), nullable=False),
        sa.Column("level_achieved", sa.String(length=255), nullable=False),
        sa.Column("bytes_in", BIG, nullable=False),
        sa.Column("bytes_out", BIG, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sign_in_id"],
            ["sign_ins.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("proof_digest"),
    )
    op.create_index(op.f("ix_sessions_sign_in_id"), "sessions", ["sign_in_id"], unique=False)
    op.create_index(
        "sessions_live",
        "sessions",
        ["gateway_id"],
        unique=False,
        sqlite_where=sa.text("state != 'ended'"),
        postgresql_where=sa.text("state != 'ended'"),
    )
    op.create_index("sessions_node", "sessions", ["node_id", "opened"], unique=False)
    op.create_index("sessions_opened", "sessions", ["opened"], unique=False)
    op.create_index("sessions_user", "sessions", ["user_id", "opened"], unique=False)
    op.create_table(
        "recordings",
        sa.Column("session_id", ID, nullable=False),
        sa.Column("started", BIG, nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("sealed", BIG, nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
        ),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index(op.f("ix_recordings_started"), "recordings", ["started"], unique=False)
    op.create_table(
        "session_cuts",
        sa.Column("gateway_id", ID, nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
        ),
        sa.PrimaryKeyConstraint("gateway_id", "epoch", "session_id"),
    )


def _make_log() -> None:
    op.create_table(
        "log_checkpoints",
        sa.Column("size", BIG, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed", BIG, nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "log_entries",
        sa.Column("seq", NUMBER, autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at_micros", BIG, nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("node_id", ID, nullable=True),
        sa.Column("session_id", ID, nullable=True),
        sa.Column("sign_in_id", ID, nullable=True),
        sa.Column("gateway_id", ID, nullable=True),
        sa.Column("resource_id", ID, nullable=True),
        sa.Column("sidecar", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "log_entries_actor_id",
        "log_entries",
        ["actor_id", "seq"],
        unique=False,
        sqlite_where=sa.text("actor_id IS NOT NULL"),
        postgresql_where=sa.text("actor_id IS NOT NULL"),
    )
    op.create_index("log_entries_at", "log_entries", ["at_micros"], unique=False)
    op.create_index(
        "log_entries_node_id",
        "log_entries",
        ["node_id", "seq"],
        unique=False,
        sqlite_where=sa.text("node_id IS NOT NULL"),
        postgresql_where=sa.text("node_id IS NOT NULL"),
    )
    op.create_index(
        "log_entries_person_id",
        "log_entries",
        ["person_id", "seq"],
        unique=False,
        sqlite_where=sa.text("person_id IS NOT NULL"),
        postgresql_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_index(
        "log_entries_resource_id",
        "log_entries",
        ["resource_id", "seq"],
        unique=False,
        sqlite_where=sa.text("resource_id IS NOT NULL"),
        postgresql_where=sa.text("resource_id IS NOT NULL"),
    )
    op.create_index(
        "log_entries_session_id",
        "log_entries",
        ["session_id", "seq"],
        unique=False,
        sqlite_where=sa.text("session_id IS NOT NULL"),
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    op.create_index("log_entries_type", "log_entries", ["type", "seq"], unique=False)
    op.create_index(
        "log_entries_user_id",
        "log_entries",
        ["user_id", "seq"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("last_at_micros", BIG, nullable=False),
        sa.CheckConstraint("id = 1", name="log_head_is_one"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "log_pending",
        sa.Column("id", NUMBER, sa.Identity(always=True), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at_micros", BIG, nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("node_id", ID, nullable=True),
        sa.Column("session_id", ID, nullable=True),
        sa.Column("sign_in_id", ID, nullable=True),
        sa.Column("gateway_id", ID, nullable=True),
        sa.Column("resource_id", ID, nullable=True),
        sa.Column("sidecar", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
