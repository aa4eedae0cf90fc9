"""SQLite's stand-in for ON DELETE CASCADE: a trigger for each foreign key of our tables.

SQLite heeds foreign keys only where a connection asks for it, and Optuna's does not; the key of a deleted study is
given out again, so that rows left behind would turn up in another study. The triggers are made from the keys that the
tables declare. One fires the next: a study takes its runs along, and a run its curve.
"""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa

_PREFIX = "regsearch_"

_FOREIGN_KEYS = sa.text(
    'SELECT child.name, keys.id, keys."table", keys.seq, keys."from", keys."to"'
    " FROM sqlite_schema AS child JOIN pragma_foreign_key_list(child.name) AS keys"
    " WHERE child.type = 'table' AND substr(child.name, 1, :length) = :prefix AND keys.on_delete = 'CASCADE'"
    " ORDER BY child.name, keys.id, keys.seq"
).bindparams(prefix=_PREFIX, length=len(_PREFIX))
_TRIGGERS = sa.text(
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND substr(name, 1, :length) = :prefix"
).bindparams(prefix=_PREFIX, length=len(_PREFIX))


def renew_cascades(connection: sa.Connection) -> None:
    """Give every foreign key of ours with ON DELETE CASCADE its trigger, in the place of all that were there before.

    Does nothing on a database that heeds foreign keys by itself.
    """
    if connection.dialect.name != "sqlite":
        return
    quote = connection.dialect.identifier_preparer.quote_identifier
    for name in connection.scalars(_TRIGGERS).all():
        connection.exec_driver_sql(f"DROP TRIGGER {quote(name)}")
    keys = defaultdict[tuple[str, int, str], list[tuple[str, str]]](list)
    for child, key, parent, position, column, referred in connection.execute(_FOREIGN_KEYS):
        # A key that names no column of its parent means the primary key.
        named = referred or sa.inspect(connection).get_pk_constraint(parent)["constrained_columns"][position]
        keys[child, key, parent].append((column, named))
    for (child, key, parent), columns in keys.items():
        gone = " AND ".join(f"{quote(column)} = OLD.{quote(referred)}" for column, referred in columns)
        connection.exec_driver_sql(
            f"CREATE TRIGGER {quote(f'{child}_cascade_{key}')} AFTER DELETE ON {quote(parent)}"
            f" BEGIN DELETE FROM {quote(child)} WHERE {gone}; END"
        )
