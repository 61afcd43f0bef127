"""Parts of large envelopes, and inbox messages that are handed over in parts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column of type INTEGER.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GATHERING = sa.text("dropped = 0")


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "part_groups",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("present", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "part_groups_key",
        "part_groups",
        ["connection", "organ", "sha256"],
        unique=True,
        sqlite_where=GATHERING,
    )
    op.create_index("part_groups_quota", "part_groups", ["connection", "charged"])
    op.create_index("part_groups_began", "part_groups", ["began_at"], sqlite_where=GATHERING)
    op.create_index(
        "part_groups_dropped", "part_groups", ["id"], sqlite_where=sa.text("dropped = 1")
    )
    op.create_index("part_groups_blob", "part_groups", ["blob_id"], unique=True)
    op.add_column(
        "mailroom_messages",
        sa.Column("large", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.drop_index("mailroom_messages_due", "mailroom_messages")
    op.create_index(
        "mailroom_messages_due",
        "mailroom_messages",
        ["vhost", "large", "id"],
        sqlite_where=sa.text("sent_at IS NULL"),
    )
