"""Which of its notes of a session a gateway has told already. Of sessions that are open none counts as told."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("sessions", sa.Column("notes_taken", sa.BigInteger(), nullable=False, server_default="0"))
