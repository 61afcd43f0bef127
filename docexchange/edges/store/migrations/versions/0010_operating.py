"""What a person holds back, and an index of what could not be delivered.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the indexes; nothing is held back or changed."""
    op.create_table(
        "holds",
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organ"),
    )
    op.create_index(
        "deliveries_held",
        "deliveries",
        ["to_organ", "id"],
        sqlite_where=sa.text("held != ''"),
    )
    op.create_index(
        "deliveries_dead",
        "deliveries",
        ["id"],
        sqlite_where=sa.text("state = 'undeliverable' AND kind = 'document'"),
    )
