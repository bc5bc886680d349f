"""Of gateways: the certificate before the current one, and when it was removed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of gateways that are there the one certificate that is stored counts."""
    serial = sa.Column("previous_serial", sa.String(length=64), nullable=False, server_default="")
    op.add_column("gateways", serial)
    op.add_column("gateways", sa.Column("previous_until", sa.BigInteger(), nullable=True))
    op.add_column("gateways", sa.Column("removed", sa.BigInteger(), nullable=True))
