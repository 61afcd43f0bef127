"""What `doctor` looks at: each probe for itself, whatever the others found.

A probe says good, warning, bad, or that it does not apply here; what is not good says what to do.
Reachable is not yet proven by use: a destination without a receipt for long is a warning even if
its queue stands.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta

from ..core.admission import Level
from ..core.errors import DocexchangeError
from . import exits, probes_broker, show
from .probe import Found, Patient, Probe, Verdict
from .words import say

CLOCK_BEHIND = timedelta(minutes=5)  # as `compose.CLOCK_BACK`: further behind nothing is signed
CLOCK_SKEW = timedelta(seconds=30)  # between us and most of those who answer; receipts have seconds
RECEIPTS = 50  # newest receipts whose times are compared
COUNTED = 1000  # of what waits for a person; more is more than a figure tells
WAL_LARGE = 1024 * 1024 * 1024  # bytes; the daemon keeps it below some ten MiB


def examine(patient: Patient, only: frozenset[str]) -> Iterator[Found]:
    """Run the probes, each told as soon as it has ended."""
    for name, probe in PROBES.items():
        if only and name not in only:
            continue
        try:
            yield from probe(patient)
        except DocexchangeError as error:
            yield Found(name, Verdict.BAD, exits.sentence(error))


def _config(patient: Patient) -> Iterator[Found]:
    from .config import Findings
    from .config import examine as examine_config

    findings = Findings()
    examine_config(patient.config, findings, patient.now)
    for text, _ in findings.problems:
        yield Found("config", Verdict.BAD, text, "docexchange config check")
    for text in findings.warnings:
        yield Found("config", Verdict.WARNING, text)
    if not findings.problems:
        organs = ", ".join(sorted(patient.config.organs))
        yield Found(
            "config",
            Verdict.GOOD,
            say(f"cấu hình, danh mục, khoá của {organs} dùng được", f"keys of {organs} can sign"),
        )


def _directory(patient: Patient) -> Iterator[Found]:
    """Whose directory is on disk, and whether the running node serves by it."""
    from ..edges.authority import load_signed, refuse_older
    from .config import EXPIRY_WARNING

    config, taken = patient.config, patient.store.directories.last()
    if config.directory_authority is None:
        nobody = say("không ai phải ký", "nobody has to sign it")
        yield Found("directory", Verdict.NOT_HERE, nobody)
        return
    directory, signer = load_signed(config.directory, config.directory_authority, patient.now)
    refuse_older(config.directory, directory, taken)
    told = say(
        f"số {directory.number}, {signer.subject} ký",
        f"number {directory.number}, signed by {signer.subject}",
    )
    left, troubled = signer.not_after - patient.now, False
    if taken is not None and directory.number != taken.number:
        troubled = True
        served = say(f"đang dùng số {taken.number}", f"last served was {taken.number}")
        restart = say("khởi động lại nút để dùng bản mới", "restart the node to serve by it")
        yield Found("directory", Verdict.WARNING, f"{told}; {served}", restart)
    if left < EXPIRY_WARNING:
        troubled = True
        ends = say(
            f"chứng thư đó hết hạn sau {show.span(left)}, khi ấy nút không khởi động được",
            f"that certificate ends in {show.span(left)}; the node will not start after that",
        )
        renew = say(
            f"thêm chứng thư mới vào {config.directory_authority} rồi ký lại danh mục",
            f"add the new certificate to {config.directory_authority}, have it signed anew",
        )
        yield Found("directory", Verdict.WARNING, f"{told}; {ends}", renew)
    if not troubled:
        yield Found("directory", Verdict.GOOD, told)


def _clock(patient: Patient) -> Iterator[Found]:
    latest = patient.store.journal.last_time()
    if latest is not None and patient.now < latest - CLOCK_BEHIND:
        yield Found(
            "clock",
            Verdict.BAD,
            say(
                f"đi sau nhật ký ({show.moment(latest)}); nút không ký gì",
                f"behind the journal ({show.moment(latest)}); nothing is signed",
            ),
            say("chỉnh đồng hồ máy (NTP)", "set the clock of this machine (NTP)"),
        )
        return
    times = patient.store.receipts.times(RECEIPTS)
    later = [(here - there).total_seconds() for there, here in times]
    middle = timedelta(seconds=statistics.median(later) if later else 0)
    if middle < -CLOCK_SKEW:
        yield Found(
            "clock",
            Verdict.WARNING,
            say(
                f"biên nhận gần đây ký sau giờ máy này {show.span(-middle)}",
                f"recent receipts are signed {show.span(-middle)} after this machine's time",
            ),
            say("chỉnh đồng hồ máy (NTP)", "set the clock of this machine (NTP)"),
        )
        return
    count = len(times)
    yield Found(
        "clock",
        Verdict.GOOD,
        say(
            f"khớp nhật ký và {count} biên nhận gần nhất", f"fits the journal and {count} receipts"
        ),
    )


def _disk(patient: Patient) -> Iterator[Found]:
    from .. import compose

    room = compose.room(patient.config, patient.store)
    disk = room.seen.disk
    percent = 100 * disk.free // max(disk.total, 1)
    detail = say(
        f"còn {show.size(disk.free)} ({percent} %)", f"{show.size(disk.free)} free ({percent} %)"
    )
    remedy = say(
        f"thêm chỗ ở {patient.config.data}, hoặc sao lưu rồi dọn",
        f"make room at {patient.config.data}",
    )
    if room.level is Level.OPEN:
        yield Found("disk", Verdict.GOOD, detail)
    elif room.level is Level.LOW:
        yield Found("disk", Verdict.WARNING, detail, remedy)
    else:
        refused = say("văn bản mới bị từ chối", "new documents are refused")
        yield Found("disk", Verdict.BAD, f"{detail}; {refused}", remedy)
    for vhost in room.over:
        work = room.mailrooms[vhost]
        yield Found(
            "quota",
            Verdict.WARNING,
            say(
                f"{vhost}: {work.deliveries:,} lượt gửi đang chờ, hết hạn mức",
                f"{vhost}: {work.deliveries:,} deliveries under way, its quota is used up",
            ),
            "docexchange queue shape",
        )


def _store(patient: Patient) -> Iterator[Found]:
    path = patient.config.store.resolve()  # SQLite follows links, too
    size = path.stat().st_size
    wal = path.with_name(path.name + "-wal")
    waiting = wal.stat().st_size if wal.exists() else 0
    detail = say(
        f"{show.size(size)}, WAL {show.size(waiting)}",
        f"{show.size(size)}, WAL {show.size(waiting)}",
    )
    if waiting > WAL_LARGE:
        remedy = say(
            "một tiến trình đang giữ ảnh cũ của kho; tìm và kết thúc nó",
            "a process keeps an old snapshot open; find and end it",
        )
        yield Found("store", Verdict.WARNING, detail, remedy)
    else:
        yield Found("store", Verdict.GOOD, detail)
    for one in patient.store.mailrooms.damaged(1):
        yield Found(
            "store",
            Verdict.BAD,
            say(
                f"nội dung của {one.tracking_id} bị hỏng trên đĩa",
                f"the content of {one.tracking_id} is damaged on disk",
            ),
            say("thay đĩa, phục hồi từ bản sao lưu", "replace the disk, restore from a copy"),
        )


def _daemon(patient: Patient) -> Iterator[Found]:
    from ..edges.store import StoreLock

    if StoreLock.serves(patient.config.store):
        yield Found("daemon", Verdict.GOOD, say("đang chạy", "running"))
    else:
        yield Found(
            "daemon",
            Verdict.BAD,
            say("không chạy: không gì được gửi hay nhận", "not running: nothing leaves or arrives"),
            "systemctl start docexchange / docexchange run",
        )


def _destinations(patient: Patient) -> Iterator[Found]:
    """The oldest without an answer, by destination; a pause or a hold says why."""
    late = patient.config.retry.warn
    found = False
    shapes = [
        *patient.store.operator.shape(patient.now),
        *patient.store.operator.shape(patient.now, sent=True),
    ]
    oldest: dict[str, datetime] = {}
    for one in shapes:
        oldest[one.organ] = min(oldest.get(one.organ, one.oldest), one.oldest)
    for organ, since in sorted(oldest.items(), key=lambda one: one[1]):
        if patient.now - since >= late:
            found = True
            yield Found(
                "destinations",
                Verdict.WARNING,
                say(
                    f"{organ}: cũ nhất chờ biên nhận từ {show.moment(since)}",
                    f"{organ}: the oldest waits for its receipt since {show.moment(since)}",
                ),
                f"docexchange queue list --to {organ}; docexchange agency ping {organ}",
            )
    for pause in patient.store.outgoing.pauses():
        found = True
        whom = pause.organ or say("trục", "the axis")
        text = say(f"{whom}: tạm ngừng gửi", f"{whom}: nothing is sent")
        yield Found(
            "destinations", Verdict.WARNING, f"{text}: {pause.why}", "docexchange track REF"
        )
    for hold in patient.store.outgoing.holds():
        found = True
        text = say(f"{hold.organ}: {hold.by} giữ lại", f"{hold.organ}: held by {hold.by}")
        yield Found(
            "destinations",
            Verdict.WARNING,
            f"{text}: {hold.why}",
            f"docexchange queue release --to {hold.organ}",
        )
    if not found:
        count = len(oldest)
        told = say(f"{count} nơi đang chờ, chưa nơi nào trễ", f"{count} under way, none is late")
        yield Found("destinations", Verdict.GOOD, told)


def _attention(patient: Patient) -> Iterator[Found]:
    """What waits for a person."""
    dead = len(patient.store.operator.dead(limit=COUNTED))
    kept = len(patient.store.incoming.kept_list(False, COUNTED))
    if dead:
        told = say(f"{_many(dead)} lượt gửi không đến", f"{_many(dead)} undeliverable")
        yield Found("attention", Verdict.WARNING, told, "docexchange dead list")
    if kept:
        told = say(f"{_many(kept)} gói tin bị cách ly", f"{_many(kept)} quarantined")
        yield Found("attention", Verdict.WARNING, told, "docexchange quarantine list")
    if not dead and not kept:
        yield Found("attention", Verdict.GOOD, say("không có gì chờ người xem", "nobody is needed"))


def _many(count: int) -> str:
    return f"≥ {count}" if count == COUNTED else str(count)


def _timestamps(patient: Patient) -> Iterator[Found]:
    settings = patient.config.timestamps
    if not settings.urls:
        none = say("chưa cấu hình", "no authority is configured")
        yield Found("timestamps", Verdict.NOT_HERE, none)
        return
    backlog = patient.store.stamps.backlog()
    age = patient.now - backlog.oldest if backlog.oldest is not None else timedelta(0)
    told = say(f"{backlog.waiting:,} đang chờ", f"{backlog.waiting:,} wait for a token")
    if age >= settings.stamping.warn[0]:
        told = say(f"{told}, cũ nhất {show.span(age)}", f"{told}, the oldest {show.span(age)}")
        yield Found("timestamps", Verdict.WARNING, told, "docexchange timestamps check")
    else:
        yield Found("timestamps", Verdict.GOOD, told)


def _revocation(patient: Patient) -> Iterator[Found]:
    if patient.config.revocation.policy == "off":
        off = say("không kiểm tra (policy = off)", "not asked for (policy = off)")
        yield Found("revocation", Verdict.NOT_HERE, off)
        return
    newest: dict[tuple[str, str], datetime] = {}
    for one in patient.store.evidence.newest(1000):
        if one.kind == "crl" and one.next_update is not None:
            newest.setdefault((one.kind, one.issuer), one.next_update)
    over = {issuer: until for (_, issuer), until in newest.items() if until < patient.now}
    for issuer, until in over.items():
        yield Found(
            "revocation",
            Verdict.BAD if patient.config.revocation.policy == "required" else Verdict.WARNING,
            say(
                f"CRL của {issuer} hết hạn {show.moment(until)}: gói tin ký bởi CA này bị tạm giữ",
                f"the CRL of {issuer} ended {show.moment(until)}: what it certified is held",
            ),
            "docexchange evidence import",
        )
    if not newest and patient.config.revocation.policy == "required":
        none = say(
            "chưa có CRL nào: gói tin bị tạm giữ tới khi có CRL hoặc OCSP",
            "no list is here: envelopes are held until a list or an OCSP answer comes",
        )
        yield Found("revocation", Verdict.WARNING, none, "docexchange evidence import")
    elif not over:
        count = len(newest)
        told = say(f"{count} CRL còn hạn", f"{count} CRL(s) in force")
        yield Found("revocation", Verdict.GOOD, told)


def _witnesses(patient: Patient) -> Iterator[Found]:
    against = patient.store.witnesses.contradicted()
    organs = sorted({one.checkpoint.organ for one in against})
    for organ in organs:
        told = say(
            f"{organ}: các biên nhận đã ký nói về hai nhật ký khác nhau",
            f"{organ}: its signed receipts speak of two different journals",
        )
        yield Found("witnesses", Verdict.BAD, told, f"docexchange journal witnesses {organ}")
    if not organs:
        count = len({one.checkpoint.organ for one in patient.store.witnesses.newest()})
        told = say(f"nhật ký của {count} cơ quan, khớp nhau", f"journals of {count} organ(s) agree")
        yield Found("witnesses", Verdict.GOOD, told)


PROBES: dict[str, Probe] = {
    "config": _config,
    "directory": _directory,
    "clock": _clock,
    "disk": _disk,
    "store": _store,
    "daemon": _daemon,
    "broker": probes_broker.broker,
    "queues": probes_broker.queues,
    "destinations": _destinations,
    "attention": _attention,
    "timestamps": _timestamps,
    "witnesses": _witnesses,
    "revocation": _revocation,
}
