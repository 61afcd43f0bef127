"""The tables, as SQLAlchemy Core: what the statements are written against. Nothing here runs.

    blobs, chunks                    envelope bytes, once, by digest
    submissions, deliveries, origins what we send: an envelope, a row per recipient, who asked
    signings                         documents that wait for a signature made elsewhere, or waited
    pauses                           destinations that get nothing but probes for now
    receipts                         verified statuses of others about documents of ours
    parked                           the same about documents that are not here yet
    open_work                        what each organ has under way
    arrivals                         what we accepted, once per organ and bytes
    changes                          what an arrival recalls, updates or replaces
    kept, kept_bytes, attempts       what we hold or quarantine, its quota, redelivered messages
    part_groups                      large envelopes of which some parts came
    mailroom_messages                what a mailroom is to get, until the broker has confirmed it
    evidence                         CRLs and OCSP answers, fetched or imported
    uploads                          parts of attachments that came ahead of their document
    stamp_tokens, stamps             timestamp tokens, and which envelopes they prove
    cursors                          up to which row of a table something was done
    search_sent, search_received     words of documents (FTS5), made by `SEARCHES`
    legal_holds, purged              what a person keeps from being purged; what was purged
    reconcilings                     questions between two organs about what is between them
    journal_tree                     how far the journal was read for our receipts
    directories                      signed directories of organs that were served
    witnesses                        what others said in receipts of their journals
    journal                          append-only, hash-chained

Times are integer microseconds since 1970 UTC, truth values 0 or 1, digests lower-case hex: every
driver reads and writes them alike. Text has no short limits. Changing a table needs a migration;
a test compares both.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
    event,
    literal_column,
    select,
)

metadata = MetaData()


def word(text: str) -> ColumnElement[str]:
    """A constant word, written into the SQL. Bound as a parameter it would hide partial indexes
    from SQLite's planner, and make it plan the statement anew at each run (10 us)."""
    return literal_column(f"'{text}'")


def number(value: int) -> ColumnElement[int]:
    """The same for a number."""
    return literal_column(str(value))


# SQLite numbers rows by itself only in a column of type INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=True)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _blob(name: str) -> Column[str]:
    return Column(name, Text, ForeignKey("blobs.sha256"), nullable=False)


def _blob_id() -> Column[int]:
    return Column("blob_id", BigInteger, ForeignKey("blobs.id"), nullable=False)


blobs = Table(
    "blobs",
    metadata,
    _id(),
    Column("sha256", Text, nullable=False, unique=True),
    _int("size"),
    # 0 while a large content is written and nothing links it yet; 2 while its parts gather
    _int("complete"),
    _int("stored_at"),
)


def blob_of(digest: ColumnElement[str]) -> ColumnElement[int]:
    """The number of the blob of a digest. Only `blobs` has an index by digest: each such index is
    one more page somewhere in the file for every row, and a commit writes whole pages."""
    return select(blobs.c.id).where(blobs.c.sha256 == digest).scalar_subquery()


# Partial indexes hold only the rows that can be due, so their cost does not grow with history;
# their conditions stand in the queries word for word.
COMPLETE, DESTROYED = 1, 3  # of a destroyed content the digest stays; 2: parts gather
INCOMPLETE = blobs.c.complete == number(0)
Index("blobs_incomplete", blobs.c.stored_at, sqlite_where=INCOMPLETE)

chunks = Table(
    "chunks",
    metadata,
    Column("blob_id", BigInteger, ForeignKey("blobs.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    _id(),
    _text("tracking_id"),
    _text("kind"),
    _text("sha256"),
    _blob_id(),
    _int("size"),
    _text("from_organ"),
    _text("document_id"),
    _int("business"),
    _text("number"),
    _text("notation"),
    _text("subject"),
    _text("reference"),  # folded number/notation, for search only
    _int("priority"),
    _int("submitted_at"),
    _text("content_sha256"),
    _text("status_code"),
    _int("event_seq"),  # number of the last event about it
)
IDENTIFIED = and_(
    submissions.c.kind == word("document"),
    submissions.c.business.in_([number(0), number(3)]),
    submissions.c.document_id != word(""),
)
Index("submissions_name", submissions.c.kind, submissions.c.tracking_id, unique=True)
Index("submissions_kind", submissions.c.kind, submissions.c.id)
Index("submissions_blob", submissions.c.blob_id)
Index("submissions_reference", submissions.c.reference)
Index(
    "submissions_identity",
    submissions.c.from_organ,
    submissions.c.document_id,
    submissions.c.business,
    unique=True,
    sqlite_where=IDENTIFIED,
)

arrivals = Table(
    "arrivals",
    metadata,
    _id(),
    Column("tracking_id", Text, nullable=False, unique=True),
    _text("organ"),
    _text("sha256"),
    _blob_id(),
    _int("size"),
    _text("from_organ"),
    _text("document_id"),
    _int("business"),
    _text("number"),
    _text("notation"),
    _text("subject"),
    _text("reference"),
    _text("report"),
    _int("arrived_at"),
    _int("signed_at", null=True),
    _int("handed_over_at", null=True),
    _text("code"),  # the last one we said
    _int("asked_at", null=True),  # when its answers were last put back in the queue
    _int("event_seq"),
    _int("sealed_at", null=True),  # recalled: its content is nobody's any more, this row stays
    _int("priority", null=True),  # null: it arrived before this was kept
)
Index("arrivals_bytes", arrivals.c.blob_id, arrivals.c.organ, unique=True)
Index("arrivals_identity", arrivals.c.organ, arrivals.c.from_organ, arrivals.c.document_id)
Index("arrivals_reference", arrivals.c.reference)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    Column("submission_id", BigInteger, ForeignKey("submissions.id"), nullable=False),
    _text("to_organ"),
    _text("kind"),
    _text("lane"),
    _text("state"),
    _text("reason"),
    _text("held"),  # why a person holds it back; "" if nobody does
    # of a status: the arrival it answers, and 1 while an earlier answer is to go first
    Column("answers", BigInteger, ForeignKey("arrivals.id"), nullable=True),
    _int("waiting"),
    _int("attempts"),
    _int("copies"),
    _int("next_try", null=True),
    _int("lifetime_ends", null=True),
    _int("deadline", null=True),  # the next one: when to warn, then when the lifetime ends
    _text("last_error"),
    _text("code"),
    _int("code_conflict"),
    # of a document: where its recall stands; of a recall: the delivery that it recalls
    Column("recall", Text, nullable=False, server_default=""),
    _int("recalls", null=True),
)
_document = deliveries.c.kind == word("document")
_queued, _sent = word("queued"), word("sent")
DUE = and_(
    deliveries.c.state == _queued,
    deliveries.c.held == word(""),
    deliveries.c.waiting == number(0),
)
OVERDUE = and_(deliveries.c.state == _sent, _document)
ALIVE = and_(deliveries.c.state.in_([_queued, _sent]), _document)
ANSWER = deliveries.c.answers.is_not(None)
# What was given to the axis before takes turns with what was not, so each is in one of two indexes.
FRESH = and_(DUE, deliveries.c.attempts + deliveries.c.copies == number(0))
AGAIN = and_(DUE, deliveries.c.attempts + deliveries.c.copies > number(0))
_line = (deliveries.c.lane, deliveries.c.to_organ, deliveries.c.next_try)
Index("deliveries_fresh", *_line, sqlite_where=FRESH)
Index("deliveries_again", *_line, sqlite_where=AGAIN)
RECALLS = deliveries.c.recalls.is_not(None)
Index("deliveries_recalls", deliveries.c.recalls, sqlite_where=RECALLS)
Index("deliveries_overdue", deliveries.c.next_try, sqlite_where=OVERDUE)
Index("deliveries_deadline", deliveries.c.deadline, sqlite_where=ALIVE)
Index("deliveries_of", deliveries.c.submission_id, deliveries.c.state)
Index("deliveries_to", deliveries.c.submission_id, deliveries.c.to_organ)
Index("deliveries_answer", deliveries.c.answers, deliveries.c.state, sqlite_where=ANSWER)
# Few at any time, so these cost nothing: what a person holds back, and what could not be delivered.
HELD_BACK = deliveries.c.held != word("")
DEAD = and_(deliveries.c.state == word("undeliverable"), _document)
Index("deliveries_held", deliveries.c.to_organ, deliveries.c.id, sqlite_where=HELD_BACK)
Index("deliveries_dead", deliveries.c.id, sqlite_where=DEAD)

# Destinations that get nothing but probes for now; "", "" is the whole axis.
pauses = Table(
    "pauses",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("organ", Text, primary_key=True),
    _int("since"),
    _int("probe_at"),
    _int("probes"),
    _text("why"),
)

# Destinations that a person holds back, on all lanes.
holds = Table(
    "holds",
    metadata,
    Column("organ", Text, primary_key=True),
    _int("since"),
    _text("who"),
    _text("why"),
)

changes = Table(
    "changes",
    metadata,
    _id(),
    Column("arrival_id", BigInteger, ForeignKey("arrivals.id"), nullable=False),
    _int("business"),  # 1 recall, 2 update, 3 replacement
    _text("organ"),
    _text("from_organ"),
    _text("document_id"),  # what is changed; perhaps not here yet
    _text("sha256"),  # of exactly these bytes, "" when any are meant
    _text("state"),  # of a recall, else ""
    Column("target_id", BigInteger, ForeignKey("arrivals.id"), nullable=True),
    _int("waits_until", null=True),  # of a status 13: how long it waits for its document
)
WAITING_RECALL = and_(changes.c.state == word("waiting"), changes.c.waits_until.is_not(None))
Index("changes_overdue", changes.c.waits_until, sqlite_where=WAITING_RECALL)
Index("changes_waiting", changes.c.from_organ, sqlite_where=WAITING_RECALL)
Index("changes_arrival", changes.c.arrival_id)
Index("changes_document", changes.c.organ, changes.c.from_organ, changes.c.document_id)

sent_changes = Table(
    "sent_changes",
    metadata,
    _id(),
    Column("submission_id", BigInteger, ForeignKey("submissions.id"), nullable=False),
    _int("business"),  # 1 recall, 2 update, 3 replacement
    _text("from_organ"),
    _text("document_id"),  # what is changed
)
Index("sent_changes_submission", sent_changes.c.submission_id)
Index("sent_changes_document", sent_changes.c.from_organ, sent_changes.c.document_id)

open_work = Table(
    "open_work",
    metadata,
    Column("organ", Text, primary_key=True),
    _int("deliveries"),
    _int("bytes"),
)

origins = Table(
    "origins",
    metadata,
    Column("vhost", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("submission_id", BigInteger, ForeignKey("submissions.id"), nullable=False),
    _int("at"),
)
Index("origins_at", origins.c.at)

signings = Table(
    "signings",
    metadata,
    _id(),
    Column("tracking_id", Text, nullable=False, unique=True),
    _text("request_id"),
    _text("sha256"),  # of the envelope without its signature
    _blob_id(),
    _int("size"),
    _text("state"),
    _text("from_organ"),
    _text("document_id"),
    _int("business"),
    _text("number"),
    _text("notation"),
    _text("subject"),
    _text("reference"),
    _text("recipients"),  # JSON array of OrganIds
    _int("priority"),
    _text("content_sha256"),
    _text("algorithm"),
    _text("chain"),  # JSON array of base64 DER
    _int("signing_time"),
    _int("expires_at"),
    _int("submitted_at"),
    _text("vhost"),  # who asked; both "" from the command line
    _text("message_id"),
    _int("refusals"),
    _text("last_refusal"),
    _int("settled_at", null=True),
    _text("reason"),
)
WAITING = signings.c.state == word("waiting")
WAITING_IDENTIFIED = and_(
    WAITING,
    signings.c.business.in_([number(0), number(3)]),
    signings.c.document_id != word(""),
)
WAITING_ORIGIN = and_(WAITING, signings.c.message_id != word(""))
Index("signings_request", signings.c.request_id)
Index("signings_blob", signings.c.blob_id)
Index("signings_reference", signings.c.reference)
Index("signings_expiry", signings.c.expires_at, sqlite_where=WAITING)
Index(
    "signings_identity",
    signings.c.from_organ,
    signings.c.document_id,
    signings.c.business,
    unique=True,
    sqlite_where=WAITING_IDENTIFIED,
)
Index(
    "signings_origin",
    signings.c.vhost,
    signings.c.message_id,
    unique=True,
    sqlite_where=WAITING_ORIGIN,
)

receipts = Table(
    "receipts",
    metadata,
    _id(),
    _text("sha256"),
    Column("blob_id", BigInteger, ForeignKey("blobs.id"), nullable=False, unique=True),
    # exactly one of both: a document of ours, or (status 13) an arrival
    Column("delivery_id", BigInteger, ForeignKey("deliveries.id"), nullable=True),
    Column("arrival_id", BigInteger, ForeignKey("arrivals.id"), nullable=True),
    _text("code"),
    _text("note"),
    _text("from_organ"),
    _int("signed_at", null=True),
    _int("recorded_at"),
    _text("staff"),
    _text("report"),
)
Index("receipts_delivery", receipts.c.delivery_id)
Index("receipts_arrival", receipts.c.arrival_id)

# Receipts of documents that are not here (yet): the store was restored, or they came first.
parked = Table(
    "parked",
    metadata,
    _id(),
    Column("blob_id", BigInteger, ForeignKey("blobs.id"), nullable=False, unique=True),
    _text("sha256"),
    _text("received_sha256"),
    _text("from_organ"),
    _text("to_organ"),
    _text("document_id"),
    _text("code"),
    _text("note"),
    _text("staff"),
    _int("signed_at", null=True),
    _int("arrived_at"),
    _int("tries"),
    _int("recheck_at"),
)
Index("parked_recheck", parked.c.recheck_at)
Index("parked_organ", parked.c.from_organ)

kept = Table(
    "kept",
    metadata,
    _id(),
    _text("organ"),
    _text("sha256"),  # of the whole
    _blob("blob"),  # of what is stored: the whole, or its beginning
    _int("size"),
    _text("state"),  # held, quarantined, settled
    _text("reason"),
    _text("detail"),
    _text("report"),
    _text("connection"),
    _text("from_organ"),
    _text("document_id"),
    _int("kept_at"),
    _int("recheck_at", null=True),
    _int("truncated"),
    _int("copies"),
    _text("outcome"),
)
Index("kept_bytes_of", kept.c.sha256, kept.c.organ, unique=True)
HELD = kept.c.state == word("held")
Index("kept_recheck", kept.c.recheck_at, sqlite_where=HELD)

kept_bytes = Table(
    "kept_bytes",
    metadata,
    Column("connection", Text, primary_key=True),
    _int("bytes"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("sha256", Text, primary_key=True),
    _int("count"),
    _int("at"),
)
Index("attempts_at", attempts.c.at)

part_groups = Table(
    "part_groups",
    metadata,
    _id(),
    _text("connection"),  # broker-checked user of the publisher
    _text("organ"),
    _text("sha256"),  # of the whole, as the parts claim
    _int("dropped"),  # 1: only its rows remain to be deleted, step by step
    _blob_id(),
    _int("count"),  # of parts
    _int("present"),
    _int("size"),
    _int("charged"),  # bytes of its user's quota
    _int("attempts"),  # how often judging it began
    _int("began_at"),
)
GATHERING = part_groups.c.dropped == number(0)
DROPPED = part_groups.c.dropped == number(1)
Index(
    "part_groups_key",
    part_groups.c.connection,
    part_groups.c.organ,
    part_groups.c.sha256,
    unique=True,
    sqlite_where=GATHERING,
)
Index("part_groups_quota", part_groups.c.connection, part_groups.c.charged)
Index("part_groups_began", part_groups.c.began_at, sqlite_where=GATHERING)
Index("part_groups_dropped", part_groups.c.id, sqlite_where=DROPPED)
Index("part_groups_blob", part_groups.c.blob_id, unique=True)

mailroom_messages = Table(
    "mailroom_messages",
    metadata,
    _id(),
    _text("vhost"),
    _text("routing_key"),
    _text("message_id"),
    _text("type"),
    _text("content_type"),
    _text("correlation_id"),
    _text("headers"),
    Column("body", LargeBinary, nullable=True),
    Column("blob", Text, ForeignKey("blobs.sha256"), nullable=True),
    _int("created_at"),
    _int("sent_at", null=True),
    # 1: handed over in parts; 2 more: set aside, its content is damaged (`damage`)
    Column("large", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,  # a number is never used twice: the order must hold
)
UNSENT = mailroom_messages.c.sent_at.is_(None)
CONFIRMED = mailroom_messages.c.sent_at.is_not(None)
Index(
    "mailroom_messages_due",
    mailroom_messages.c.vhost,
    mailroom_messages.c.large,
    mailroom_messages.c.id,
    sqlite_where=UNSENT,
)
Index("mailroom_messages_sent", mailroom_messages.c.sent_at, sqlite_where=CONFIRMED)

uploads = Table(
    "uploads",
    metadata,
    Column("vhost", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    _int("size"),
    Column("blob_id", BigInteger, ForeignKey("blobs.id"), nullable=False),
    _int("at"),
)
Index("uploads_at", uploads.c.at)
Index("uploads_blob", uploads.c.blob_id)

evidence = Table(
    "evidence",
    metadata,
    _id(),
    _text("kind"),  # crl, ocsp, certificate
    _text("sha256"),  # of the DER bytes
    Column("data", LargeBinary, nullable=False),
    _text("issuer"),
    _int("this_update", null=True),
    _int("next_update", null=True),
    _int("entries"),
    _text("source"),
    _int("kept_at"),
)
Index("evidence_sha256", evidence.c.sha256, unique=True)
Index("evidence_next_update", evidence.c.next_update)

journal = Table(
    "journal",
    metadata,
    Column("number", _Id, primary_key=True, autoincrement=False),
    _int("at"),
    _text("ref"),
    _text("line"),
    _text("hash"),
)
Index("journal_ref", journal.c.ref, journal.c.number)

stamp_tokens = Table(
    "stamp_tokens",
    metadata,
    _id(),
    Column("token", LargeBinary, nullable=False),
    _text("authority"),
    _int("gen_time"),
    _int("leaves"),  # of its hash tree; 0: it is over one signature itself
    _int("stored_at"),
)

stamps = Table(
    "stamps",
    metadata,
    Column("blob_id", _Id, ForeignKey("blobs.id"), primary_key=True, autoincrement=False),
    Column("token_id", BigInteger, ForeignKey("stamp_tokens.id"), nullable=False),
    _int("place"),
    Column("path", LargeBinary, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    _int("last"),
)

# Contents that go for good, until no file of the store holds a byte of them
erasures = Table(
    "erasures",
    metadata,
    _id(),
    _int("blob_id"),  # no foreign key: the row of a discarded one goes first
    _text("sha256"),
    _text("ref"),  # of the journal line: a tracking id, or the digest of what was discarded
    _int("since"),
)

# What a person keeps from being purged: a document of ours, or one that arrived.
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("tracking_id", Text, primary_key=True),
    _int("since"),
    _text("who"),
    _text("why"),
)

# Contents that went by age; counts only while the content is DESTROYED, since it may come again.
purged = Table(
    "purged",
    metadata,
    Column("blob_id", _Id, ForeignKey("blobs.id"), primary_key=True, autoincrement=False),
    _int("at"),
)

# Questions between two organs about the documents between them; our envelope of each is kept for
# some days: of one that we asked the question, of one that we were asked the answer.
reconcilings = Table(
    "reconcilings",
    metadata,
    _id(),
    Column("submission_id", BigInteger, ForeignKey("submissions.id"), nullable=False),
    Column("tracking_id", Text, nullable=False, unique=True),  # of our envelope
    _int("asked"),  # 1: we asked; 0: we were asked
    _text("sha256"),  # of the question's envelope
    _text("organ"),  # ours
    _text("peer"),
    _int("at"),
    _int("next_sent", null=True),  # of one we were asked: where its lists go on
    _int("next_received", null=True),
    Column("answer", LargeBinary, nullable=True),  # of one we asked: what came
)
Index("reconcilings_question", reconcilings.c.sha256, reconcilings.c.organ, unique=True)
Index("reconcilings_peer", reconcilings.c.peer, reconcilings.c.at)
Index("reconcilings_at", reconcilings.c.at)

# Words of number, subject and organs of what was sent and received; rowid is that of the document.
# The index alone: no text is in it (content='').
SEARCH_SENT, SEARCH_RECEIVED = "search_sent", "search_received"
SEARCHES = tuple(
    f"CREATE VIRTUAL TABLE {name} USING fts5"
    "(number, subject, organs, content='', tokenize='unicode61 remove_diacritics 0')"
    for name in (SEARCH_SENT, SEARCH_RECEIVED)
)
for _search in SEARCHES:
    event.listen(metadata, "after_create", DDL(_search))  # type: ignore[no-untyped-call]

# How far the journal was read for what our receipts say of it; one row.
journal_tree = Table(
    "journal_tree",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    _int("lines"),
    _text("head"),
    Column("frontier", LargeBinary, nullable=False),  # of the tree at that length, to go on from
    _int("at"),
)

# Signed directories that were served; none that is older may be again.
directories = Table(
    "directories",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _text("sha256"),
    _int("taken_at"),
)

witnesses = Table(
    "witnesses",
    metadata,
    _id(),
    _text("of"),  # whose journal
    _text("holder"),  # our organ that got it
    _int("lines"),
    _text("root"),
    _text("head"),
    _int("at"),
    _text("sha256"),  # of the first receipt that carried it
    _int("seen_at"),
    Column("why", Text, nullable=False, server_default="HOURLY"),  # `KeptFor`
)
Index(
    "witnesses_why",
    witnesses.c.of,
    witnesses.c.holder,
    witnesses.c.why,
    witnesses.c.at,
)
Index(
    "witnesses_evidence",
    witnesses.c.of,
    witnesses.c.at,
    sqlite_where=witnesses.c.why == word("CONTRADICTION"),
)
Index("witnesses_lines", witnesses.c.of, witnesses.c.lines)
Index("witnesses_at", witnesses.c.of, witnesses.c.at)
