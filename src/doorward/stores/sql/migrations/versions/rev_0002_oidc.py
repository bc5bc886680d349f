"""Signing in through a provider: flows, sign-ins on a provider's word, spent log-outs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
ID = sa.String(length=26)


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "oidc_flows",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("connector_id", ID, nullable=False),
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("redirect_uri", sa.String(length=255), nullable=False),
        sa.Column("ssh_key", sa.LargeBinary(), nullable=False),
        sa.Column("x509_key", sa.LargeBinary(), nullable=False),
        sa.Column("client", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("created", BIG, nullable=False),
        sa.Column("expires", BIG, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("used", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_oidc_flows_expires"), "oidc_flows", ["expires"], unique=False)
    op.create_table(
        "oidc_sign_ins",
        sa.Column("sign_in_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("connector_id", ID, nullable=False),
        sa.Column("issuer", sa.String(length=512), nullable=False),
        sa.Column("sub", sa.String(length=255), nullable=False),
        sa.Column("sid", sa.String(length=255), nullable=False),
        sa.Column("checked", BIG, nullable=False),
        sa.Column("due", BIG, nullable=False),
        sa.Column("too_old", BIG, nullable=False),
        sa.ForeignKeyConstraint(["sign_in_id"], ["sign_ins.id"]),
        sa.PrimaryKeyConstraint("sign_in_id"),
    )
    op.create_index("oidc_sign_ins_sid", "oidc_sign_ins", ["issuer", "sid"], unique=False)
    op.create_index("oidc_sign_ins_sub", "oidc_sign_ins", ["issuer", "sub"], unique=False)
    op.create_table(
        "oidc_logouts",
        sa.Column("jti_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires", BIG, nullable=False),
        sa.PrimaryKeyConstraint("jti_hash"),
    )
    op.create_index(op.f("ix_oidc_logouts_expires"), "oidc_logouts", ["expires"], unique=False)
