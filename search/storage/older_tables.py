"""Tables of an earlier version are read as they are: what they lack is supplied as each statement reads them.

A statement that names a table which is not there, or whose columns are not all there, gets an expression of that name
in front, `WITH regsearch_logs AS (...)`, which has no rows, or the columns with what a migration would put there. So
whoever reads need not know of versions, and nothing is written: neither a table nor a view, to a file on a read-only
disk as little as to a server that only follows another one.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from search.storage import tables

_FIRST = "r0001"
_READS = re.compile(r"\s*SELECT\b", re.IGNORECASE)


class OlderTables:
    """What stands in for what is missing in a database that is open.

    Somebody may upgrade the tables meanwhile: each transaction looks at their version again.

    Args:
        engine: The engine of the database; its statements are changed from now on.
        version: The table of the version.
        revision: The version that was found.
        newest: The version that lacks nothing.
    """

    def __init__(self, engine: sa.Engine, version: sa.Table, revision: str, newest: str) -> None:
        self.revision = revision
        self._newest = newest
        self._version = str(sa.select(version.c.version_num).compile(engine))
        self._dialect = engine.dialect
        self._expressions = self._stand_ins()
        sa.event.listen(engine, "begin", self._look_again)
        sa.event.listen(engine, "before_cursor_execute", self._supply, retval=True)

    @property
    def is_upgraded(self) -> bool:
        """Whether somebody has upgraded the tables, so that nothing is missing any more."""
        return self.revision == self._newest

    def _look_again(self, connection: sa.Connection) -> None:
        if self.is_upgraded:
            return
        found = connection.exec_driver_sql(self._version).scalar()
        if found is not None and found != self.revision:
            self.revision = str(found)
            self._expressions = self._stand_ins()

    def _supply(
        self, _connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        if self._expressions and _READS.match(statement):
            named = [told for name, told in self._expressions.items() if re.search(rf"\b{name}\b", statement)]
            if named:
                statement = f"WITH {', '.join(named)} {statement}"
        return statement, parameters

    def _stand_ins(self) -> dict[str, str]:
        """Name of each table of which something is missing to the expression that stands in for it."""
        return {
            table.name: f"{table.name} AS ({self._as_sql(_complete(table, self.revision, self._schema))})"
            for table in tables.METADATA.tables.values()
            if self.revision < max(map(_since, (table, *table.columns)))
        }

    @property
    def _schema(self) -> str | None:
        """SQLite takes the bare name for that of the expression itself; a server does not."""
        return "main" if self._dialect.name == "sqlite" else None

    def _as_sql(self, query: sa.Select[Any]) -> str:
        compiled = query.compile(dialect=self._dialect, compile_kwargs={"literal_binds": True})
        return " ".join(str(compiled).split())


def _since(item: sa.Table | sa.Column[Any]) -> str:
    """The version that first had a table or a column."""
    return str(item.info.get("since", _FIRST))


def _complete(table: sa.Table, revision: str, schema: str | None) -> sa.Select[Any]:
    """A table of a version with all columns of the newest, those that it lacks as a migration would fill them."""
    if revision < _since(table):
        return sa.select(*(sa.cast(sa.null(), column.type).label(column.name) for column in table.columns)).where(
            sa.false()
        )
    there = sa.table(table.name, *(sa.column(column.name) for column in table.columns), schema=schema)
    return sa.select(
        *(
            there.c[column.name]
            if _since(column) <= revision
            else sa.cast(_default(column), column.type).label(column.name)
            for column in table.columns
        )
    )


def _default(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """What a migration puts into the rows that were there before a column."""
    default = column.server_default
    return sa.null() if default is None else sa.literal(default.arg, sa.Text)  # type: ignore[attr-defined]  # a text
