"""Words of documents, to find them by; filled later, in steps, from what is there.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both indexes, empty."""
    for name in ("search_sent", "search_received"):
        op.execute(
            f"CREATE VIRTUAL TABLE {name} USING fts5"
            "(number, subject, organs, content='', tokenize='unicode61 remove_diacritics 0')"
        )
