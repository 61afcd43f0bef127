"""Destination by destination, deadlines, parked receipts, pauses; see edges/store/tables.py."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column of type INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Change the indexes of what is due, and make the tables."""
    due = "state = 'queued' AND held = '' AND waiting = 0"
    line = ["lane", "to_organ", "next_try"]
    op.drop_index("deliveries_due", "deliveries")
    op.create_index(
        "deliveries_fresh",
        "deliveries",
        line,
        sqlite_where=sa.text(f"{due} AND attempts + copies = 0"),
    )
    op.create_index(
        "deliveries_again",
        "deliveries",
        line,
        sqlite_where=sa.text(f"{due} AND attempts + copies > 0"),
    )
    op.drop_index("deliveries_lifetime", "deliveries")
    op.add_column("deliveries", sa.Column("deadline", sa.BigInteger(), nullable=True))
    op.execute("UPDATE deliveries SET deadline = lifetime_ends")
    op.create_index(
        "deliveries_deadline",
        "deliveries",
        ["deadline"],
        sqlite_where=sa.text("state IN ('queued', 'sent') AND kind = 'document'"),
    )
    op.create_table(
        "pauses",
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("probe_at", sa.BigInteger(), nullable=False),
        sa.Column("probes", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lane", "organ"),
    )
    op.create_table(
        "parked",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("received_sha256", sa.Text(), nullable=False),
        sa.Column("from_organ", sa.Text(), nullable=False),
        sa.Column("to_organ", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("staff", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("arrived_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("recheck_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("blob_id"),
    )
    op.create_index("parked_recheck", "parked", ["recheck_at"])
    op.create_index("parked_organ", "parked", ["from_organ"])
