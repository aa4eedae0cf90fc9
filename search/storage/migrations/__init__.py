"""The history of our tables: Alembic's environment, and one file in `versions/` a change.

`search.storage.schema` runs it on a connection of its own; the version is kept in the table
`regsearch_version`, apart from Optuna's `alembic_version`. A migration is frozen once released: it spells
its tables out.
"""
