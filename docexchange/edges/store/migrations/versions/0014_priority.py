"""Urgency of what arrived.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what is there already nobody wrote it down."""
    op.add_column("arrivals", sa.Column("priority", sa.BigInteger(), nullable=True))
