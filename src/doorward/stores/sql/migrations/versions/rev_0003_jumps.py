"""Jump connections: the proofs that have opened one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "jumps",
        sa.Column("proof_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("proof_digest"),
    )
    op.create_index(op.f("ix_jumps_expires"), "jumps", ["expires"], unique=False)
