"""A store with much in it, made by the store's own operations, many in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from docexchange.edges.store import SqlStore, arrivals, submissions
from docexchange.edges.store.transaction import Transaction
from tests.records import arrival, document, status

AT_ONCE = 1000  # documents in a transaction


async def pend(store: SqlStore, documents: int, recipients: int = 1) -> None:
    """Queue so many documents to so many recipients each; none was tried yet."""
    organs = ("H01", *(f"H01.{number}" for number in range(1, recipients)))

    def one(transaction: Transaction, number: int) -> None:
        submissions.submit(transaction, document(f"P{number:09d}", recipients=organs), None)

    await _many(store, documents, one)


async def arrive(store: SqlStore, documents: int) -> None:
    """Accept so many documents, with their answers and their messages to the mailroom."""

    def one(transaction: Transaction, number: int) -> None:
        name = f"A{number:09d}"
        facts = {"document_id": f"H01,2026/11/23,{number}"}
        arrivals.accept(transaction, arrival(name, **facts), status(f"S{number:09d}", "01", name))

    await _many(store, documents, one)


def finish(store: SqlStore) -> None:
    """Let every delivery of a document that is under way be acknowledged, and every message to a
    mailroom be confirmed: history, as years make it."""
    raw = store._access.writer._connection._raw
    raw.executescript(
        "UPDATE deliveries SET state = 'acknowledged', next_try = NULL, code = '01'"
        " WHERE kind = 'document' AND state IN ('queued', 'sent');"
        "UPDATE deliveries SET state = 'sent' WHERE kind = 'status' AND state = 'queued';"
        "UPDATE mailroom_messages SET sent_at = created_at WHERE sent_at IS NULL;"
        "UPDATE open_work SET deliveries = 0, bytes = 0;"
    )


async def _many(store: SqlStore, count: int, one: Callable[[Transaction, int], None]) -> None:
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))

        def some(transaction: Transaction, numbers: range = numbers) -> None:
            for number in numbers:
                one(transaction, number)

        await store._access.writer.write("fill", some)
