"""What errors of runs said in full; runs of before have their sentence alone."""

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "regsearch_logs",
        sa.Column(
            "run_id",
            sa.Integer,
            sa.ForeignKey("regsearch_runs.run_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("at", sa.DateTime, nullable=False, comment="UTC"),
        sa.Column("log", sa.Text, nullable=False, comment="all that the error said, with where it was raised"),
        comment="of the latest runs that failed",
    )
