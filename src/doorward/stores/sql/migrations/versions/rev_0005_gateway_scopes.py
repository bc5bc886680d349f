"""Scopes of gateways: on which nodes each may open sessions. Those that are there keep what they could do."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for table in ("gateways", "join_tokens"):
        op.add_column(table, sa.Column("scope", sa.Text(), nullable=False, server_default="{}"))
    op.execute(sa.text("""UPDATE gateways SET scope = '{"*":["*"]}'"""))
