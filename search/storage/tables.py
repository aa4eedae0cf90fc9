"""Our tables, beside Optuna's. What creates them is in `migrations/`; a test holds the two together.

A study of ours has one row in Optuna's `studies` and one in `regsearch_studies`; a study without the latter
was made by another program and is left alone. Deleting a study with Optuna deletes our rows too, by foreign keys
with ON DELETE CASCADE, for which triggers stand in on SQLite (`search.storage.cascades`).

What was not there from the beginning says since which version it is: in databases of earlier ones it is missing
(`search.storage.older_tables`).
"""

from __future__ import annotations

import sqlalchemy as sa

from search.storage import optuna_tables

METADATA = sa.MetaData()
_DOUBLE = sa.Float(53)

studies = sa.Table(
    "regsearch_studies",
    METADATA,
    sa.Column(
        "study_id",
        sa.Integer,
        sa.ForeignKey(optuna_tables.studies.c.study_id, ondelete="CASCADE"),
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
    sa.Column(
        "notes",
        sa.Text,
        nullable=False,
        server_default="[]",
        comment="what the user should know, JSON",
        info={"since": "r0003"},
    ),
)

coordinators = sa.Table(
    "regsearch_coordinators",
    METADATA,
    sa.Column("study_name", sa.String(512), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("since", sa.DateTime, nullable=False, comment="UTC"),
    comment="who took a study's lock last; the lock alone says whether it is still held",
)

runs = sa.Table(
    "regsearch_runs",
    METADATA,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.Integer, sa.ForeignKey(studies.c.study_id, ondelete="CASCADE"), nullable=False),
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
    sa.Column(
        "zero_shares",
        sa.Text,
        nullable=False,
        server_default="{}",
        comment="layer to share of zeros, JSON",
        info={"since": "r0002"},
    ),
    sa.Column("seconds", _DOUBLE, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column(
        "cause",
        sa.String(32),
        comment="why it failed, for programs; null when it did not, or is not known",
        info={"since": "r0003"},
    ),
    sa.Column(
        "zero_weights",
        sa.Text,
        comment="layer to share of weights next to zero, JSON; null where not known",
        info={"since": "r0005"},
    ),
    sa.UniqueConstraint("study_id", "trial_number", "purpose", "fold", "repeat"),
)

curves = sa.Table(
    "regsearch_curves",
    METADATA,
    sa.Column(
        "run_id",
        sa.Integer,
        sa.ForeignKey(runs.c.run_id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("curve", sa.LargeBinary, nullable=False, comment="packed by Curve.to_bytes"),
)

predictions = sa.Table(
    "regsearch_predictions",
    METADATA,
    sa.Column(
        "run_id",
        sa.Integer,
        sa.ForeignKey(runs.c.run_id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("predictions", sa.LargeBinary, nullable=False, comment="packed by Predictions.to_bytes"),
    sa.Column("n_bytes", sa.Integer, nullable=False, comment="their length, which is read without them"),
    info={"since": "r0004"},
)

logs = sa.Table(
    "regsearch_logs",
    METADATA,
    sa.Column(
        "run_id",
        sa.Integer,
        sa.ForeignKey(runs.c.run_id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("at", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("log", sa.Text, nullable=False, comment="all that the error said, with where it was raised"),
    comment="of the latest runs that failed",
    info={"since": "r0006"},
)

verdicts = sa.Table(
    "regsearch_verdicts",
    METADATA,
    sa.Column(
        "study_id",
        sa.Integer,
        sa.ForeignKey(studies.c.study_id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("verdict", sa.Text, nullable=False, comment="what the study came to, JSON"),
    sa.Column("n_trials", sa.Integer, nullable=False, comment="trials that had ended"),
    sa.Column("decided", sa.DateTime, nullable=False, comment="UTC"),
    info={"since": "r0004"},
)

analyses = sa.Table(
    "regsearch_analyses",
    METADATA,
    sa.Column("study_id", sa.Integer, sa.ForeignKey(studies.c.study_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(512), primary_key=True, comment="what tells those of a kind apart"),
    sa.Column("document", sa.Text, nullable=False, comment="what was asked and what came of it, JSON"),
    sa.Column("at", sa.DateTime, nullable=False, comment="UTC"),
    info={"since": "r0005"},
)

looks = sa.Table(
    "regsearch_looks",
    METADATA,
    sa.Column("look_id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.Integer, sa.ForeignKey(studies.c.study_id, ondelete="CASCADE"), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False, comment="UTC"),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("rows_sha256", sa.String(64), nullable=False),
    sa.Column("n_trials", sa.Integer, nullable=False, comment="trials that had ended by then"),
    sa.Column("result", sa.Text, comment="what was seen, JSON; null while it is not known"),
    comment="looks at sealed rows, each written down before anything is seen",
    info={"since": "r0004"},
)
