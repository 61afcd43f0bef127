"""Alembic's entry: runs the migrations inside the caller's connection and transaction."""

from __future__ import annotations

from alembic import context

from docexchange.edges.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    transactional_ddl=False,  # the caller has begun one transaction for all of them
)
context.run_migrations()
