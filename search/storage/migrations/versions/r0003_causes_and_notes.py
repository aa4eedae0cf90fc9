"""Why a run failed, for programs, and the notes of a study; rows of before have neither."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns."""
    op.add_column(
        "regsearch_runs",
        sa.Column("cause", sa.String(32), comment="why it failed, for programs; null when it did not, or is not known"),
    )
    op.add_column(
        "regsearch_studies",
        sa.Column("notes", sa.Text, nullable=False, server_default="[]", comment="what the user should know, JSON"),
    )
