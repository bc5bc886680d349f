"""Of sessions that were presumed over: how much their gateways told later, and when they told the end."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("sessions", sa.Column("late_notes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("sessions", sa.Column("corrected", sa.BigInteger(), nullable=True))
