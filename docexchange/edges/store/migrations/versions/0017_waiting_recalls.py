"""How long a status 13 waits for its document.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its indexes; those that wait now wait for ever."""
    op.add_column("changes", sa.Column("waits_until", sa.BigInteger(), nullable=True))
    waiting = sa.text("state = 'waiting' AND waits_until IS NOT NULL")
    op.create_index("changes_overdue", "changes", ["waits_until"], sqlite_where=waiting)
    op.create_index("changes_waiting", "changes", ["from_organ"], sqlite_where=waiting)
