"""Optuna's tables as SQLAlchemy declares them, and the version of the schema that we know.

Written down here because importing Optuna to read a few rows costs more than a second. A test compares
every column, type and enumeration with Optuna's own models; the version stored in a database is checked
before a row is touched.
"""

from __future__ import annotations

import sqlalchemy as sa

REVISION = "v3.2.0.a"
"""Alembic's revision of the schema below: Optuna 3.2 to 5.0."""

OLDER_REVISIONS = frozenset(
    {
        "v0.9.0.a",
        "v1.2.0.a",
        "v1.3.0.a",
        "v2.4.0.a",
        "v2.6.0.a",
        "v3.0.0.a",
        "v3.0.0.b",
        "v3.0.0.c",
        "v3.0.0.d",
    }
)

METADATA = sa.MetaData()
_KEY = sa.String(512)
_DOUBLE = sa.Float(53)

MAX_KEY_LENGTH = 512
"""Longest name of a study, a parameter or an attribute, in characters."""

alembic_version = sa.Table("alembic_version", METADATA, sa.Column("version_num", sa.String(32), primary_key=True))

studies = sa.Table(
    "studies",
    METADATA,
    sa.Column("study_id", sa.Integer, primary_key=True),
    sa.Column("study_name", _KEY, index=True, unique=True, nullable=False),
)

study_directions = sa.Table(
    "study_directions",
    METADATA,
    sa.Column("study_direction_id", sa.Integer, primary_key=True),
    sa.Column("direction", sa.Enum("NOT_SET", "MINIMIZE", "MAXIMIZE", name="studydirection"), nullable=False),
    sa.Column("study_id", sa.Integer, sa.ForeignKey("studies.study_id"), nullable=False),
    sa.Column("objective", sa.Integer, nullable=False),
    sa.UniqueConstraint("study_id", "objective"),
)

study_user_attributes = sa.Table(
    "study_user_attributes",
    METADATA,
    sa.Column("study_user_attribute_id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.Integer, sa.ForeignKey("studies.study_id")),
    sa.Column("key", _KEY),
    sa.Column("value_json", sa.Text),
    sa.UniqueConstraint("study_id", "key"),
)

study_system_attributes = sa.Table(
    "study_system_attributes",
    METADATA,
    sa.Column("study_system_attribute_id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.Integer, sa.ForeignKey("studies.study_id")),
    sa.Column("key", _KEY),
    sa.Column("value_json", sa.Text),
    sa.UniqueConstraint("study_id", "key"),
)

trials = sa.Table(
    "trials",
    METADATA,
    sa.Column("trial_id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer),
    sa.Column("study_id", sa.Integer, sa.ForeignKey("studies.study_id"), index=True),
    sa.Column(
        "state",
        sa.Enum("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING", name="trialstate"),
        nullable=False,
    ),
    sa.Column("datetime_start", sa.DateTime),
    sa.Column("datetime_complete", sa.DateTime),
)

trial_user_attributes = sa.Table(
    "trial_user_attributes",
    METADATA,
    sa.Column("trial_user_attribute_id", sa.Integer, primary_key=True),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.trial_id")),
    sa.Column("key", _KEY),
    sa.Column("value_json", sa.Text),
    sa.UniqueConstraint("trial_id", "key"),
)

trial_system_attributes = sa.Table(
    "trial_system_attributes",
    METADATA,
    sa.Column("trial_system_attribute_id", sa.Integer, primary_key=True),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.trial_id")),
    sa.Column("key", _KEY),
    sa.Column("value_json", sa.Text),
    sa.UniqueConstraint("trial_id", "key"),
)

trial_params = sa.Table(
    "trial_params",
    METADATA,
    sa.Column("param_id", sa.Integer, primary_key=True),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.trial_id")),
    sa.Column("param_name", _KEY),
    sa.Column("param_value", _DOUBLE),
    sa.Column("distribution_json", sa.Text),
    sa.UniqueConstraint("trial_id", "param_name"),
)

trial_values = sa.Table(
    "trial_values",
    METADATA,
    sa.Column("trial_value_id", sa.Integer, primary_key=True),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.trial_id"), nullable=False),
    sa.Column("objective", sa.Integer, nullable=False),
    sa.Column("value", _DOUBLE),
    sa.Column("value_type", sa.Enum("FINITE", "INF_POS", "INF_NEG", name="trialvaluetype"), nullable=False),
    sa.UniqueConstraint("trial_id", "objective"),
)

trial_intermediate_values = sa.Table(
    "trial_intermediate_values",
    METADATA,
    sa.Column("trial_intermediate_value_id", sa.Integer, primary_key=True),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.trial_id"), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("intermediate_value", _DOUBLE),
    sa.Column(
        "intermediate_value_type",
        sa.Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="trialintermediatevaluetype"),
        nullable=False,
    ),
    sa.UniqueConstraint("trial_id", "step"),
)

trial_heartbeats = sa.Table(
    "trial_heartbeats",
    METADATA,
    sa.Column("trial_heartbeat_id", sa.Integer, primary_key=True),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.trial_id"), nullable=False),
    sa.Column("heartbeat", sa.DateTime, nullable=False),
    sa.UniqueConstraint("trial_id"),
)
