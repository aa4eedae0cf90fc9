"""Alembic's environment: upgrade on the connection that `search.storage.schema` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="regsearch_version")
with context.begin_transaction():
    context.run_migrations()
