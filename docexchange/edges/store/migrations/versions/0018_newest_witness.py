"""Why a statement about a journal is kept: the newest has a row, too, which the next one replaces.
A copy that was put back may say what it said before, so a length may come more than once.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there was kept for the hour."""
    why = sa.Column("why", sa.Text(), nullable=False, server_default="HOURLY")
    op.add_column("witnesses", why)
    op.drop_index("witnesses_of", "witnesses")
    op.create_index("witnesses_why", "witnesses", ["of", "holder", "why", "at"])
    evidence = sa.text("why = 'CONTRADICTION'")
    op.create_index("witnesses_evidence", "witnesses", ["of", "at"], sqlite_where=evidence)
