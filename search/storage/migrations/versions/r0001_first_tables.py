"""Studies, coordinators, runs and curves."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

_DOUBLE = sa.Float(53)


def upgrade() -> None:
    """Create the four tables, and on SQLite the trigger that stands in for their foreign keys."""
    _create_studies()
    _create_coordinators()
    _create_runs()
    _create_curves()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER regsearch_study_deleted AFTER DELETE ON studies BEGIN"
            " DELETE FROM regsearch_curves WHERE run_id IN"
            " (SELECT run_id FROM regsearch_runs WHERE study_id = OLD.study_id);"
            " DELETE FROM regsearch_runs WHERE study_id = OLD.study_id;"
            " DELETE FROM regsearch_studies WHERE study_id = OLD.study_id;"
            " END"
        )


def _create_studies() -> None:
    op.create_table(
        "regsearch_studies",
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("studies.study_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("spec", sa.Text, nullable=False, comment="the resolved study file, JSON"),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("data_sha256", sa.String(64), nullable=False),
        sa.Column("facts", sa.Text, nullable=False, comment="what the data is like, JSON"),
        sa.Column("created", sa.DateTime, nullable=False, comment="UTC"),
        sa.Column("n_trials", sa.Integer, nullable=False, comment="the total that the latest run asked for"),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("versions", sa.Text, nullable=False, comment="package to version at creation, JSON"),
    )


def _create_coordinators() -> None:
    op.create_table(
        "regsearch_coordinators",
        sa.Column("study_name", sa.String(512), primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime, nullable=False, comment="UTC"),
        comment="who took a study's lock last; the lock alone says whether it is still held",
    )


def _create_runs() -> None:
    op.create_table(
        "regsearch_runs",
        sa.Column("run_id", sa.Integer, primary_key=True),
        sa.Column(
            "study_id",
            sa.Integer,
            sa.ForeignKey("regsearch_studies.study_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("trial_number", sa.Integer, nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("fold", sa.Integer, nullable=False),
        sa.Column("repeat", sa.Integer, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("score", _DOUBLE, comment="null when the run failed"),
        sa.Column("error", sa.Text, comment="null when it did not"),
        sa.Column("penalty", _DOUBLE, comment="null stands for not a number"),
        sa.Column("epochs_trained", sa.Integer, nullable=False),
        sa.Column("best_epoch", sa.Integer, nullable=False),
        sa.Column("weight_norms", sa.Text, nullable=False, comment="layer to L2 norm, JSON"),
        sa.Column("seconds", _DOUBLE, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.UniqueConstraint("study_id", "trial_number", "purpose", "fold", "repeat"),
    )


def _create_curves() -> None:
    op.create_table(
        "regsearch_curves",
        sa.Column(
            "run_id",
            sa.Integer,
            sa.ForeignKey("regsearch_runs.run_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("curve", sa.LargeBinary, nullable=False, comment="packed by Curve.to_bytes"),
    )
