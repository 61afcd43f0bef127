"""What each organ has under way, for the quota of its mailroom.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and count what is under way."""
    op.create_table(
        "open_work",
        sa.Column("organ", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organ"),
    )
    op.execute(
        "INSERT INTO open_work (organ, deliveries, bytes)"
        " SELECT submissions.from_organ, count(*), sum(submissions.size)"
        " FROM deliveries JOIN submissions ON submissions.id = deliveries.submission_id"
        " WHERE deliveries.kind = 'document' AND deliveries.state IN ('queued', 'sent')"
        " GROUP BY submissions.from_organ"
    )
