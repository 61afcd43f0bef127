"""How far the journal was read for our receipts; indexes for holding statements together. The table
of checkpoints, which nobody wrote, goes.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the indexes; no journal was read yet."""
    op.drop_table("checkpoints")
    op.create_table(
        "journal_tree",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("witnesses_lines", "witnesses", ["of", "lines"])
    op.create_index("witnesses_at", "witnesses", ["of", "at"])
