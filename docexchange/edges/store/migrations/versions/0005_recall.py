"""Recalls, updates and replacements; what it is for stands in edges/tables.py."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column of type INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "changes",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("arrival_id", sa.BigInteger(), nullable=False),
        sa.Column("business", sa.BigInteger(), nullable=False),
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("from_organ", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["arrival_id"], ["arrivals.id"]),
        sa.ForeignKeyConstraint(["target_id"], ["arrivals.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("changes_arrival", "changes", ["arrival_id"])
    op.create_index("changes_document", "changes", ["organ", "from_organ", "document_id"])
    op.add_column("arrivals", sa.Column("sealed_at", sa.BigInteger(), nullable=True))
    recall = sa.Column("recall", sa.Text(), nullable=False, server_default="")
    op.add_column("deliveries", recall)
    op.add_column("deliveries", sa.Column("recalls", sa.BigInteger(), nullable=True))
    op.create_index(
        "deliveries_recalls",
        "deliveries",
        ["recalls"],
        sqlite_where=sa.text("recalls IS NOT NULL"),
    )
