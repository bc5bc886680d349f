"""Jump connections that live, and the orders to cut them.

Of those that are there nothing is known but their proofs: they count as over, since the gateways that carry them do not
list them either. An authority of the version before writes the same.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and their indexes."""
    for name in ("gateway_id", "user_id", "sign_in_id"):
        op.add_column("jumps", sa.Column(name, sa.String(length=26), nullable=False, server_default=""))
    op.add_column("jumps", sa.Column("opened", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("jumps", sa.Column("is_live", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jumps", sa.Column("cut_epoch", sa.BigInteger(), nullable=True))
    op.add_column("jumps", sa.Column("cut_message", sa.Text(), nullable=False, server_default=""))
    is_live, is_one = sa.text("is_live"), sa.text("is_live = 1")  # the way in which each engine is asked
    op.create_index("jumps_live", "jumps", ["gateway_id"], sqlite_where=is_one, postgresql_where=is_live)
    is_cut = sa.text("cut_epoch IS NOT NULL")
    op.create_index("jumps_cut", "jumps", ["gateway_id", "cut_epoch"], sqlite_where=is_cut, postgresql_where=is_cut)
