"""Shares of activations that are zero, of runs from now on; those before have none."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "regsearch_runs",
        sa.Column("zero_shares", sa.Text, nullable=False, server_default="{}", comment="layer to share of zeros, JSON"),
    )
