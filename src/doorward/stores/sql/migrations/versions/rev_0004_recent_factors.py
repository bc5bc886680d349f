"""Second factors given lately, by user and address: what `mfa_verification_interval` looks at."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "recent_factors",
        sa.Column("given_key", sa.String(length=300), nullable=False),
        sa.Column("user_id", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("given_key"),
    )
    op.create_index(op.f("ix_recent_factors_user_id"), "recent_factors", ["user_id"], unique=False)
