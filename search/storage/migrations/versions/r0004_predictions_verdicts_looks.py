"""What runs predicted, what studies came to, and looks at sealed rows; studies of before have none of these."""

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "regsearch_predictions",
        sa.Column(
            "run_id",
            sa.Integer,
            sa.ForeignKey("regsearch_runs.run_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("predictions", sa.LargeBinary, nullable=False, comment="packed by Predictions.to_bytes"),
        sa.Column("n_bytes", sa.Integer, nullable=False, comment="their length, which is read without them"),
    )
    op.create_table(
        "regsearch_verdicts",
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("regsearch_studies.study_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("verdict", sa.Text, nullable=False, comment="what the study came to, JSON"),
        sa.Column("n_trials", sa.Integer, nullable=False, comment="trials that had ended"),
        sa.Column("decided", sa.DateTime, nullable=False, comment="UTC"),
    )
    op.create_table(
        "regsearch_looks",
        sa.Column("look_id", sa.Integer, primary_key=True),
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("regsearch_studies.study_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime, nullable=False, comment="UTC"),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("rows_sha256", sa.String(64), nullable=False),
        sa.Column("n_trials", sa.Integer, nullable=False, comment="trials that had ended by then"),
        sa.Column("result", sa.Text, comment="what was seen, JSON; null while it is not known"),
        comment="looks at sealed rows, each written down before anything is seen",
    )
