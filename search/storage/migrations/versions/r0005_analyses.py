"""What was found out about choices, and shares of weights next to zero; studies and runs of before have neither."""

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and add the column."""
    op.create_table(
        "regsearch_analyses",
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("regsearch_studies.study_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(512), primary_key=True, comment="what tells those of a kind apart"),
        sa.Column("document", sa.Text, nullable=False, comment="what was asked and what came of it, JSON"),
        sa.Column("at", sa.DateTime, nullable=False, comment="UTC"),
    )
    op.add_column(
        "regsearch_runs",
        sa.Column(
            "zero_weights", sa.Text, comment="layer to share of weights next to zero, JSON; null where not known"
        ),
    )
