"""What a rotation waits for: which authorities' keys nodes, gateways and sign-ins know, and which the log tells of.

Of what is there nothing is known, so that a rotation waits for it: a node for its next set-up, a sign-in for its end.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    for table, texts, lists in (
        ("sign_ins", "ssh_authority", "face_authorities"),
        ("node_hosts", "host_authority", "session_authorities"),
    ):
        op.add_column(table, sa.Column(texts, sa.String(length=128), nullable=False, server_default=""))
        op.add_column(table, sa.Column(lists, sa.Text(), nullable=False, server_default="[]"))
    op.add_column("gateways", sa.Column("trust", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "noted_keys",
        sa.Column("key_id", sa.String(length=26), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("fingerprint", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
