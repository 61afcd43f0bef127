"""Places at which a test kills this process: before and after each commit, publish, confirm, ack.

Inert unless the config says `[test] crash_points = true`: otherwise nothing here is even built, and
the paths run without it. Then DOCEXCHANGE_CRASH_AT names one point, and `@N` its N-th time:

    DOCEXCHANGE_CRASH_AT=after:accept        SIGKILL at the first commit of an arrival
    DOCEXCHANGE_CRASH_AT=before:ack.normal@7 at the seventh ack of a document

A commit has its points in the store's writer; what touches a broker or a key is wrapped here.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from keys.algorithms import SignatureAlgorithm
from keys.certificates import Certificate
from keys.signer import Signer

from .core.errors import ConfigError, Deferred
from .core.model import MailroomMessage
from .core.ports import Broker, Incoming, Keyring, MailroomBroker, MailroomIncoming
from .core.schedule import Lane

CRASH_AT = "DOCEXCHANGE_CRASH_AT"

Crash = Callable[[str], None]

# Operations of the store, by what they belong to; each has a point before and after its COMMIT.
COMMITS: Mapping[str, tuple[str, ...]] = {
    "submit": ("submit", "begin_content", "content"),
    "signing": ("await_signature", "sign", "refuse_signature", "cancel_signing"),
    "send": ("record", "pause", "resume"),
    "receive": ("attempt", "judged"),
    "parts": ("begin_part", "put_part", "refuse_part", "sweep_parts", "drop_parts", "judging"),
    "accept": ("accept", "answer_again"),
    "quarantine": ("quarantine",),
    "hold": ("hold", "settle", "keep_damaged"),
    "receipt": ("apply_receipt", "match_parked"),
    "ping": ("answer_ping",),
    "reconcile": (
        *("reconcile_ask", "reconcile_answer", "reconcile_take", "send_again"),
        "forget_questions",
    ),
    "recall": ("submit_recalls", "accept_recalled", "take_recall"),
    "mailroom": ("reply", "mailroom_sent", "set_aside", "take_up_again"),
    "evidence": ("keep_evidence", "wake_held"),
    "erasing": ("erase", "erased"),
    "retention": ("legal_hold", "legal_release", "begin_purge", "purge"),
    "uploads": ("keep_upload", "drop_upload"),
    "stamping": ("stamp",),
    "operator": (
        *(
            "hold_back",
            "let_go",
            "retry",
            "replay",
            "ask_again",
            "ask_cancel",
            "probe",
            "discard",
            "reopen",
        ),
        *("hold_destination", "release_destination", "retry_destination"),
    ),
    "keeper": ("sweep", "sweep_orphans", "expire_signings", "note", "index", "keep_tree"),
    "node": ("take_directory", "tell_health"),
}
LANES = tuple(lane.value for lane in Lane)
SUBMISSIONS = ("document", "part", "status", "recall")
HANDED_OVER = ("document", "reply", "event")
SHUTDOWN = ("told", "loops", "drained", "connections", "store")


def _around(*names: str) -> tuple[str, ...]:
    return tuple(f"{when}:{name}" for name in names for when in ("before", "after"))


POINTS: tuple[str, ...] = (
    *_around(*itertools.chain.from_iterable(COMMITS.values())),
    *_around(*(f"publish.{lane}" for lane in LANES)),  # after: confirmed, and not yet recorded
    *(f"unconfirmed:publish.{lane}" for lane in LANES),
    *(f"received:{lane}" for lane in LANES),
    *_around(*(f"ack.{lane}" for lane in LANES)),
    *_around(*(f"hand_over.{kind}" for kind in HANDED_OVER)),
    *(f"received:submit.{kind}" for kind in SUBMISSIONS),
    *_around(*(f"ack.submit.{kind}" for kind in SUBMISSIONS)),
    *_around("signature", "round"),  # of a key; of the keeper
    "started",
    *(f"stopping:{step}" for step in SHUTDOWN),
)


def die_at(wanted: str) -> Crash:
    """A function that kills this process (SIGKILL) when it is called with the wanted point.

    Args:
        wanted: a point of POINTS, or POINT@N; "" kills nowhere.

    Raises:
        ConfigError: no such point.
    """
    point, _, nth = wanted.partition("@")
    if wanted and (point not in POINTS or (nth and not nth.isdigit())):
        raise ConfigError(
            f"{CRASH_AT}: {wanted} is no crash point; they are: {', '.join(POINTS)}",
            f"{CRASH_AT}: {wanted} không phải điểm dừng; có: {', '.join(POINTS)}",
        )
    left = itertools.count(int(nth or 1), -1)

    def crash(reached: str) -> None:
        if reached == point and next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


@dataclass
class CrashingIncoming:
    """A message of the axis whose ack has its points."""

    message: Incoming
    crash: Crash
    organ: str = field(init=False)
    lane: Lane = field(init=False)
    body: bytes = field(init=False, repr=False)
    redelivered: bool = field(init=False)
    connection: str = field(init=False)
    headers: Mapping[str, object] = field(init=False)

    def __post_init__(self) -> None:
        message = self.message
        self.organ, self.lane, self.body = message.organ, message.lane, message.body
        self.redelivered, self.connection = message.redelivered, message.connection
        self.headers = message.headers

    def ack(self) -> None:
        """See `core.ports.Incoming.ack`."""
        self.crash(f"before:ack.{self.lane}")
        self.message.ack()
        self.crash(f"after:ack.{self.lane}")


@dataclass
class CrashingBroker:
    """The axis with its points; implements `core.ports.Broker`."""

    broker: Broker
    crash: Crash

    async def publish(
        self, lane: Lane, organ: str, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """See `core.ports.Broker.publish`."""
        self.crash(f"before:publish.{lane}")
        try:
            await self.broker.publish(lane, organ, body, headers)
        except Deferred:
            self.crash(f"unconfirmed:publish.{lane}")
            raise
        self.crash(f"after:publish.{lane}")

    async def receive(self) -> Incoming:
        """See `core.ports.Broker.receive`."""
        message = await self.broker.receive()
        self.crash(f"received:{message.lane}")
        return CrashingIncoming(message, self.crash)


@dataclass
class CrashingSubmission:
    """A message of a mailroom whose ack has its points."""

    message: MailroomIncoming
    crash: Crash
    vhost: str = field(init=False)
    routing_key: str = field(init=False)
    message_id: str = field(init=False)
    type: str = field(init=False)
    content_type: str = field(init=False)
    content_encoding: str = field(init=False)
    headers: Mapping[str, object] = field(init=False)
    body: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        message = self.message
        self.vhost, self.routing_key = message.vhost, message.routing_key
        self.message_id, self.type = message.message_id, message.type
        self.content_type, self.content_encoding = message.content_type, message.content_encoding
        self.headers, self.body = message.headers, message.body

    def ack(self) -> None:
        """See `core.ports.MailroomIncoming.ack`."""
        self.crash(f"before:ack.{self.routing_key}")
        self.message.ack()
        self.crash(f"after:ack.{self.routing_key}")


@dataclass
class CrashingMailrooms:
    """The mailrooms with their points; implements `core.ports.MailroomBroker`."""

    broker: MailroomBroker
    crash: Crash

    async def publish(self, message: MailroomMessage) -> None:
        """See `core.ports.MailroomBroker.publish`."""
        kind = message.routing_key.partition(".")[0]
        self.crash(f"before:hand_over.{kind}")
        await self.broker.publish(message)
        self.crash(f"after:hand_over.{kind}")

    async def receive(self) -> MailroomIncoming:
        """See `core.ports.MailroomBroker.receive`."""
        message = await self.broker.receive()
        self.crash(f"received:{message.routing_key}")
        return CrashingSubmission(message, self.crash)


@dataclass(frozen=True)
class CrashingSigner:
    """A signer with its points; implements `keys.signer.Signer`."""

    signer: Signer
    crash: Crash

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """See `keys.signer.Signer`."""
        return self.signer.chain

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """See `keys.signer.Signer`."""
        return self.signer.algorithm

    @property
    def waits(self) -> bool:
        """See `keys.signer.Signer`."""
        return self.signer.waits

    def sign(self, data: bytes) -> bytes:
        """See `keys.signer.Signer`."""
        self.crash("before:signature")
        value = self.signer.sign(data)
        self.crash("after:signature")
        return value


@dataclass(frozen=True)
class CrashingKeyring:
    """A keyring whose signers have their points; implements `core.ports.Keyring`."""

    keyring: Keyring
    crash: Crash

    def signer(self, organ_id: str) -> Signer:
        """See `core.ports.Keyring`."""
        return CrashingSigner(self.keyring.signer(organ_id), self.crash)
