"""The six scenes. Each does something real, and proves what it says by looking, not by hoping."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika

from envelopes import edxml
from envelopes.model import Document
from envelopes.pack import new_document, pack, with_trace
from keys.signer import load_signer

from .clerk import Clerk
from .playground import ORGANS, Playground, command
from .story import Story

SUBJECT = "Ban hành Quy chế tiếp nhận, xử lý văn bản điện tử liên thông"


@dataclass
class Stage:
    """What the scenes share: the place, the narrator, the files to send, what was sent so far."""

    place: Playground
    story: Story
    files: Sequence[Path]
    sent: dict[int, str] = field(default_factory=dict)  # number -> tracking id

    def clerk(self, organ: str) -> Clerk:
        return self.place.clerks[organ]

    def document(self, number: int, to: Sequence[str], sender: str = "H05") -> Document:
        """A quyết định of the sender with the files attached, as its mailroom would make it."""
        return new_document(
            sender=sender,
            sender_name=ORGANS[sender],
            to={organ: ORGANS.get(organ, "") for organ in to},
            number=str(number),
            notation="QĐ-UBND",
            subject=SUBJECT,
            type_name="Quyết định",
            date=datetime.now(UTC).date(),
            files=[(path.name, path.read_bytes()) for path in self.files],
        )

    async def submit(self, number: int, to: Sequence[str], sender: str = "H05") -> dict[str, Any]:
        """Submit through the sender's mailroom and wait for the reply."""
        clerk = self.clerk(sender)
        key = await clerk.submit(edxml.write(self.document(number, to, sender)))
        reply = await clerk.reply_to(key)
        if reply.get("status") == "accepted":
            self.sent[number] = reply["tracking_id"]
        return reply

    async def send(self, number: int, to: Sequence[str]) -> str:
        """Send with the administrator's command; returns the tracking id."""
        answer = await self.place.ask(
            "H05",
            "send",
            *(str(path) for path in self.files),
            *("--from", "H05", "--to", ",".join(to), "--number", str(number)),
            *("--notation", "QĐ-UBND", "--subject", SUBJECT, "--type", "Quyết định"),
        )
        self.sent[number] = answer["tracking_id"]
        return str(answer["tracking_id"])

    async def deliveries(self, number: int) -> dict[str, dict[str, Any]]:
        """Recipient -> its line, as `docexchange track --json` shows it to the sender."""
        view = await self.place.ask("H05", "track", self.sent[number])
        return {line["organ"]: line for line in view["deliveries"]}

    async def when_all(self, number: int, code: str, limit: float = 40.0) -> dict[str, Any]:
        """Wait until every recipient is acknowledged with this processing code."""

        async def look() -> dict[str, Any] | None:
            lines = await self.deliveries(number)
            done = all(
                line["state"] == "acknowledged" and line["code"] == code for line in lines.values()
            )
            return lines if done else None

        return await self.story.wait(
            f"chờ mọi nơi nhận báo {code}", f"every recipient to report {code}", look, limit
        )

    async def in_inbox(self, organ: str, number: int, limit: float = 40.0) -> Any:
        """Wait for a document of H05 in an organ's mailroom."""
        wanted = f"{number}/QĐ-UBND"

        async def look() -> Any:
            for message in self.clerk(organ).inbox.values():
                if message.headers.get("x-document-number") == wanted:
                    return message
            return None

        return await self.story.wait(
            f"chờ {wanted} vào hộp đến của {organ}",
            f"{wanted} in the inbox of {organ}",
            look,
            limit,
        )

    async def stored(self, organ: str, number: int) -> int:
        """How many times a number stands in an organ's inbox table."""
        listed = await self.place.ask(organ, "inbox", "list")
        return sum(row["number"] == str(number) for row in listed["documents"])


async def scene_1(stage: Stage) -> None:
    """A mailroom submits a decision to two provinces; both answer 01, then 03, 05, 06."""
    story, place = stage.story, stage.place
    story.heading(
        "Cảnh 1. Bắc Ninh gửi quyết định 98/QĐ-UBND tới An Giang và Cần Thơ",
        "Scene 1. Bắc Ninh sends decision 98/QĐ-UBND to An Giang and Cần Thơ",
    )
    reply = await stage.submit(98, ["H01", "H13"])
    story.check(
        reply.get("status") == "accepted",
        f"Phần mềm văn thư H05 nộp văn bản qua AMQP; nút nhận, ký số, lưu: {reply['tracking_id']}",
        f"The mailroom of H05 submitted it over AMQP; signed and stored: {reply['tracking_id']}",
        reply,
    )
    for organ in ("H01", "H13"):
        message = await stage.in_inbox(organ, 98)
        received, _ = edxml.read(message.body)
        same = isinstance(received, Document) and [
            attachment.content for attachment in received.attachments
        ] == [path.read_bytes() for path in stage.files]
        story.check(
            same and message.headers["x-verdict"] == "TOTAL-PASSED",
            f"{ORGANS[organ]}: chữ ký đạt (TOTAL-PASSED), tệp đính kèm đúng từng byte",
            f"{ORGANS[organ]}: signature TOTAL-PASSED, attachments equal byte for byte",
            dict(message.headers),
        )
        for code in ("03", "05", "06"):
            answer = await stage.clerk(organ).reply_to(
                await stage.clerk(organ).report(message.message_id, code)
            )
            story.check(
                answer.get("status") == "accepted",
                f"{organ} báo {code}",
                f"{organ} reports {code}",
                answer,
            )
    lines = await stage.when_all(98, "06")
    history = {organ: [said["code"] for said in line["history"]] for organ, line in lines.items()}
    story.check(
        all(codes == ["01", "03", "05", "06"] for codes in history.values()),
        "Bắc Ninh giữ biên nhận có chữ ký của từng nơi: 01, 03, 05, 06",
        "Bắc Ninh holds signed receipts of each: 01, 03, 05, 06",
        history,
    )
    _, out, _ = await place.command("H05", "track", stage.sent[98], "--lang", story.say("vi", "en"))
    story.raw(out)


async def scene_2(stage: Stage) -> None:
    """The broker is killed while one document is on its way and another is submitted."""
    story, place = stage.story, stage.place
    story.heading(
        "Cảnh 2. Trục (RabbitMQ) bị tắt đột ngột khi văn bản đang trên đường",
        "Scene 2. The axis (RabbitMQ) is killed while documents are on their way",
    )
    place.signal_node("H01", signal.SIGSTOP)
    await stage.send(99, ["H01"])

    async def sent() -> bool | None:
        line = (await stage.deliveries(99))["H01"]
        return True if line["state"] == "sent" else None

    await story.wait("chờ trục nhận 99/QĐ-UBND", "the axis to hold 99/QĐ-UBND", sent)
    await place.broker.take_away()
    place.signal_node("H01", signal.SIGCONT)
    story.line(
        f"99/QĐ-UBND đã ở trên trục, An Giang chưa đọc; {place.broker.takes[0]}.",
        f"99/QĐ-UBND is on the axis, An Giang has not read it; {place.broker.takes[1]}.",
    )
    await stage.send(100, ["H01"])

    async def deferred() -> bool | None:
        line = (await stage.deliveries(100))["H01"]
        return True if line["state"] == "queued" and line["attempts"] >= 1 else None

    await story.wait("chờ lần gửi hỏng", "an attempt to fail", deferred)
    story.check(
        True,
        "100/QĐ-UBND gửi lúc trục đã tắt: vẫn được nhận, nằm trong hàng chờ với lý do",
        "100/QĐ-UBND was sent with the axis down: taken all the same, queued with a reason",
    )
    story.line("Bật lại RabbitMQ; không ai làm gì thêm.", "RabbitMQ comes back; nobody does more.")
    await _bring_back(stage)
    for number in (99, 100):
        await stage.in_inbox("H01", number)
        line = (await stage.when_all(number, "01"))["H01"]
        count = await stage.stored("H01", number)
        story.check(
            count == 1,
            f"{number}/QĐ-UBND đến đúng một lần, đã có biên nhận"
            f" ({line['attempts_total']} lần gửi)",
            f"{number}/QĐ-UBND arrived exactly once, acknowledged"
            f" ({line['attempts_total']} publishes)",
            count,
        )


async def _bring_back(stage: Stage) -> None:
    """Bring the broker back, with a sign of life: it takes some seconds."""
    starting = asyncio.create_task(stage.place.broker.bring_back())

    async def started() -> bool | None:
        return True if starting.done() else None

    await stage.story.wait("RabbitMQ khởi động", "RabbitMQ to start", started, 90)
    await starting


async def scene_3(stage: Stage) -> None:
    """The receiving daemon dies between arrival and receipt."""
    story, place = stage.story, stage.place
    story.heading(
        "Cảnh 3. Nút Cần Thơ chết (SIGKILL) ngay sau khi lưu văn bản, trước khi gửi biên nhận",
        "Scene 3. The node of Cần Thơ dies (SIGKILL) after storing, before the receipt leaves",
    )
    place.signal_node("H13", signal.SIGTERM)
    await place.ended("H13")
    await place.start_node("H13", crash_at="after:accept")
    await stage.send(101, ["H13"])
    code = await place.ended("H13")
    story.check(
        code == -signal.SIGKILL,
        "Nút H13 đã chết giữa chừng (điểm chết after:accept)",
        "Node H13 died half way (crash point after:accept)",
        code,
    )
    line = (await stage.deliveries(101))["H13"]
    story.check(
        line["state"] == "sent" and not line["code"],
        "Bắc Ninh thấy đúng sự thật: đã gửi, chưa có biên nhận",
        "Bắc Ninh sees the truth: sent, not acknowledged",
        line,
    )
    await place.start_node("H13")
    await stage.in_inbox("H13", 101)
    await stage.when_all(101, "01")
    count = await stage.stored("H13", 101)
    story.check(
        count == 1,
        "Khởi động lại: 101/QĐ-UBND có đúng một lần, biên nhận 01 đã về Bắc Ninh",
        "Restarted: 101/QĐ-UBND is there exactly once, its 01 is back in Bắc Ninh",
        count,
    )


async def scene_4(stage: Stage) -> None:
    """A tampered envelope and one signed by the wrong organ are put into a queue."""
    story, place = stage.story, stage.place
    story.heading(
        "Cảnh 4. Kẻ gian đưa gói tin bị sửa và gói tin ký sai cơ quan vào hàng đợi của An Giang",
        "Scene 4. A tampered envelope and one signed by the wrong organ in An Giang's queue",
    )
    before = (await place.ask("H01", "inbox", "list"))["documents"]
    genuine = next(iter(stage.clerk("H01").inbox.values())).body
    tampered = genuine.replace("Ban hành".encode(), "Bãi bỏ".encode(), 1)
    signer = load_signer(
        (place.folder / "keys/H13/key.pem").read_bytes(),
        (place.folder / "keys/H13/chain.pem").read_bytes(),
    )
    now = datetime.now(UTC)
    foreign = pack(with_trace(stage.document(666, ["H01"]), "H05", now), signer, signing_time=now)
    await _inject(place, "normal.H01", [tampered, foreign])

    async def kept() -> Any:
        rows = (await place.ask("H01", "quarantine", "list"))["envelopes"]
        return rows if len(rows) >= 2 else None

    rows = await story.wait("chờ nút An Giang kiểm tra", "An Giang's node to judge", kept)
    reasons = {row["reason"] for row in rows}
    story.check(
        reasons == {"HASH_FAILURE", "SIGNER_NOT_SENDER"},
        "Cả hai bị cách ly: nội dung đổi sau khi ký (HASH_FAILURE);"
        " chữ ký của H13 trên văn bản ghi là của H05 (SIGNER_NOT_SENDER)",
        "Both quarantined: changed after signing (HASH_FAILURE);"
        " H13's signature on a document that says it is H05's (SIGNER_NOT_SENDER)",
        reasons,
    )
    after = (await place.ask("H01", "inbox", "list"))["documents"]
    story.check(
        after == before and len(stage.clerk("H01").inbox) == len(before),
        "Hộp đến của An Giang không thay đổi",
        "An Giang's inbox is unchanged",
        after,
    )


async def _inject(place: Playground, key: str, bodies: Sequence[bytes]) -> None:
    """Publish as a node of the axis would: the broker is never trusted for identity."""
    connection = await aio_pika.connect(place.node_url("H05"))
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange("docexchange", ensure=False)
        for body in bodies:
            await exchange.publish(aio_pika.Message(body, delivery_mode=2), key, mandatory=True)


async def scene_5(stage: Stage) -> None:
    """A document to a closed code is refused at the door, its successor named."""
    story = stage.story
    story.heading(
        "Cảnh 5. An Giang gửi tới Bắc Giang (H02), mã đã đóng sau sắp xếp năm 2025",
        "Scene 5. An Giang sends to Bắc Giang (H02), a code closed by the merger of 2025",
    )
    reply = await stage.submit(7, ["H02"], sender="H01")
    story.check(
        reply.get("code") == "E-RTE-002" and "H05" in reply.get("detail", ""),
        f"Bị từ chối ngay tại cửa: {reply.get('title')}; {reply.get('detail')}",
        f"Refused at the door: {reply.get('title_en')}; {reply.get('detail')}",
        reply,
    )
    listed = await stage.place.ask("H01", "list")
    story.check(
        not listed["documents"],
        "Không có gì được lưu hay gửi đi",
        "Nothing was stored or sent",
        listed,
    )


async def scene_6(stage: Stage) -> None:
    """An auditor verifies offline; one changed byte is found."""
    story, place = stage.story, stage.place
    story.heading(
        "Cảnh 6. Người kiểm tra, ngoại tuyến: chỉ có các tệp và chứng thư gốc",
        "Scene 6. An auditor, offline: only the files and the root certificate",
    )
    folder = place.folder / "audit"
    code, _, err = await place.command("H05", "export", stage.sent[98], "-o", str(folder))
    story.check(code == 0, f"Xuất gói tin và biên nhận: {folder}", f"Exported to {folder}", err)
    files = sorted(str(path) for path in folder.rglob("*.edxml"))
    trust = str(place.folder / "keys" / "root.pem")
    code, out, err = await command("verify", *files, "--trust", trust, "--json")
    verdict = json.loads(out) if out else {}
    story.check(
        code == 0 and verdict["indication"] == "TOTAL-PASSED" and len(files) == 9,
        f"TOTAL-PASSED: văn bản và {len(files) - 1} biên nhận, mã thoát 0",
        f"TOTAL-PASSED: the document and {len(files) - 1} receipts, exit code 0",
        err or verdict.get("indication"),
    )
    changed = place.folder / "changed.edxml"
    data = Path(next(name for name in files if "receipts" not in name)).read_bytes()
    at = data.index(b"98</edXML:CodeNumber>")
    changed.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    code, out, _ = await command("verify", str(changed), "--trust", trust, "--json")
    verdict = json.loads(out)
    failed = [c for c in verdict["documents"][0]["checks"] if c["result"] == "FAILED"]
    story.check(
        code == 1 and verdict["indication"] == "TOTAL-FAILED" and bool(failed),
        f"Đổi một byte: TOTAL-FAILED, mã thoát 1, hỏng ở bước {failed[0]['step']}"
        f" ({failed[0]['name']}, {failed[0]['reason']})",
        f"One byte changed: TOTAL-FAILED, exit code 1, step {failed[0]['step']}"
        f" ({failed[0]['name']}, {failed[0]['reason']})",
        verdict["indication"],
    )


SCENES = (scene_1, scene_2, scene_3, scene_4, scene_5, scene_6)
