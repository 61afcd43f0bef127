"""`sign`: two-step signing for a key that is elsewhere, as when a leader signs on a phone.

prepare, show, complete      with files alone: no key, no broker, no store
complete --ref | --send      the same for a document that waits in the node's store
list, export, cancel         what waits there (`waiting`)
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import Conflict
from ..core.states import SigningState
from . import exits, fields, files, options, session, show, waiting, words
from .words import say, spoken

if TYPE_CHECKING:
    from envelopes.findings import Finding
    from envelopes.request import SigningRequest

DOCUMENT_LIMIT = 8 * 1024 * 1024  # bytes; what the exchange carries
REQUEST_LIMIT = 3 * DOCUMENT_LIMIT  # bytes; base64 in base64 makes 16/9, the rest is words
SIGNATURE_LIMIT = 64 * 1024  # bytes; a signature has some hundreds

Request = Annotated[
    Path,
    typer.Argument(
        metavar="REQUEST.json", help=say("tệp yêu cầu ký", "the signing request, a file")
    ),
]
RequestOut = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="REQUEST.json",
        help=say("tệp yêu cầu ký (quyền 0600)", "the request to write (mode 0600)"),
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say(
            "Ký hai bước, khi khoá ở nơi khác (lãnh đạo ký trên điện thoại).",
            "Sign in two steps, when the key is elsewhere (a leader signs on a phone).",
        )
    )
    options.add(
        group,
        "prepare",
        fields.with_fields(prepare),
        "Bước 1: lập yêu cầu ký. Không cần khoá, broker hay kho dữ liệu.",
        "Step 1: write a signing request. No key, no broker, no store.",
    )
    options.add(
        group,
        "show",
        show_request,
        "Xem một yêu cầu ký: ký gì, bằng chứng thư nào, tới khi nào.",
        "Show a signing request: what is signed, by which certificate, until when.",
    )
    options.add(
        group,
        "complete",
        complete,
        "Bước 2: ghép chữ ký. Ra tệp (-o), hoặc gửi văn bản đang chờ ký (--send, --ref).",
        "Step 2: add the signature. To a file (-o), or send the document that waits "
        "(--send, --ref).",
    )
    options.add(
        group,
        "export",
        export,
        "Ghi yêu cầu ký của một văn bản đang chờ ký ra tệp.",
        "Write the signing request of a document that waits to a file.",
    )
    waiting.register(group)
    app.add_typer(group, name="sign")


def prepare(
    given: fields.Fields,
    cert: Annotated[
        Path,
        typer.Option(
            "--cert",
            metavar="CHAIN.pem",
            help=say(
                "chứng thư của người ký, rồi CA cấp",
                "certificates, the signer's first, then its CA",
            ),
        ),
    ],
    output: RequestOut,
    expires: Annotated[
        str,
        typer.Option("--expires", metavar="48h", help=say("hạn ký", "how long signing may take")),
    ] = "48h",
    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm",
            metavar=say("TÊN", "NAME"),
            help=say("thuật toán, như rsa-pss-sha256", "algorithm, as rsa-pss-sha256"),
        ),
    ] = "",
    directory: options.Names = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a signing request to a file."""
    from envelopes.pack import with_trace
    from envelopes.request import ask

    from ..edges.directory import TomlDirectory
    from ..edges.remotekeys import read_remote

    now, longest = session.now(), options.span(expires)
    organs = TomlDirectory.load(directory) if directory else None

    def name(organ_id: str) -> str:
        organ = organs.find(organ_id) if organs else None
        return organ.name if organ else ""

    made = fields.document(given, names=name, limit=DOCUMENT_LIMIT, now=now)
    key = read_remote(cert, now, algorithm)
    traced = with_trace(made, made.sender.organ_id, now)
    request = ask(traced, key, at=now, expires=now + longest)
    write_request(request, output, force=force)
    named = key.chain[0].organ_id
    if named and named != made.sender.organ_id:
        show.note(
            say(
                f"cảnh báo: chứng thư của {named}, văn bản ghi là của {made.sender.organ_id}",
                f"warning: the certificate is {named}'s, the document {made.sender.organ_id}'s",
            )
        )
    _print(request, as_json=as_json, file=output)


def write_request(request: SigningRequest, path: Path, *, force: bool) -> None:
    """Write a request where nobody else reads it: it holds the document."""
    import json

    from envelopes.request_json import as_json

    text = json.dumps(as_json(request), ensure_ascii=False, indent=2) + "\n"
    files.write_all({path: text.encode()}, force=force, mode=0o600)


def show_request(
    path: Request,
    to_sign: Annotated[
        Path | None,
        typer.Option(
            "--to-sign",
            metavar=say("TỆP", "FILE"),
            help=say("ghi các byte cần ký ra tệp", "write the bytes to sign to a file"),
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Print what a request asks for; a request in which something was changed is refused."""
    request = _read(path)
    if to_sign is not None:
        files.write_all({to_sign: request.to_sign}, force=force)
    _print(request, as_json=as_json, file=path)
    if session.now() >= request.expires:
        show.note(say("yêu cầu ký này đã hết hạn", "this request has expired"))
        raise typer.Exit(exits.Exit.LATER)


def export(
    ref: options.Ref,
    output: RequestOut,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write the request of a document that waits; as often as needed, it is always the same."""
    from ..flow import remote

    with session.open_world() as (_, world):
        view = world.store.signings.find(ref)
        if view.state is not SigningState.WAITING:
            raise Conflict(
                f"{view.tracking_id} waits for no signature: it is {view.state}",
                f"{view.tracking_id} không chờ ký: {words.signing(view.state)}",
            )
        request = remote.request_of(view, world)
    write_request(request, output, force=force)
    _print(request, as_json=as_json, file=output)


def _read(path: Path) -> SigningRequest:
    from envelopes.request_json import read_request

    return read_request(files.read_bounded(path, REQUEST_LIMIT), limit=DOCUMENT_LIMIT)


def _print(request: SigningRequest, *, as_json: bool, file: Path) -> None:
    from envelopes.request_json import as_json as whole
    from envelopes.request_words import in_words

    facts = whole(request)
    if as_json:
        shown = {name: value for name, value in facts.items() if name not in ("schema", "envelope")}
        show.emit("sign-show", {"file": str(file), **shown})
        return
    show.out(show.paint(say("Nội dung cần ký", "What is to be signed"), "bold"))
    for line in in_words(request.message, spoken()):
        show.out(f"  {line}")
    show.out(show.paint(say("Yêu cầu", "Request"), "bold"))
    leaf = request.key.chain[0]
    show.facts(
        [
            (say("Tệp", "File"), str(file)),
            (say("Mã yêu cầu", "Request id"), request.request_id),
            (say("Chứng thư ký", "Certificate"), f"{leaf.subject} · SHA-256 {leaf.fingerprint}"),
            (say("Thuật toán", "Algorithm"), request.key.algorithm.name),
            (say("Băm cần ký", "Digest to sign"), facts["to_sign_digest"]["hex"]),
            (say("Thời điểm ký", "Signing time"), show.moment(request.signing_time)),
            (say("Hạn ký", "Sign by"), show.moment(request.expires)),
        ]
    )


def complete(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[REQUEST.json] SIGNATURE",
            help=say(
                "yêu cầu ký (bỏ khi có --ref) và chữ ký: byte thô, DER hoặc base64",
                "the request (not with --ref), and the signature: raw, DER or base64",
            ),
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT.edxml", help=say("tệp ghi ra", "file to write")
        ),
    ] = None,
    ref: Annotated[
        str,
        typer.Option(
            "--ref", metavar="REF", help=say("văn bản đang chờ ký", "the document that waits")
        ),
    ] = "",
    send: Annotated[
        bool,
        typer.Option("--send", help=say("gửi văn bản đang chờ ký", "send the document that waits")),
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Make the signed envelope, or queue the document that waits for this signature."""
    if len(paths) != (1 if ref else 2) or (bool(ref) or send) == (output is not None):
        raise typer.BadParameter(
            say(
                "dùng: REQUEST.json CHỮ_KÝ -o OUT.edxml, hoặc REQUEST.json CHỮ_KÝ --send, "
                "hoặc --ref REF CHỮ_KÝ",
                "use: REQUEST.json SIGNATURE -o OUT.edxml, or REQUEST.json SIGNATURE --send, "
                "or --ref REF SIGNATURE",
            )
        )
    signature = files.read_bounded(paths[-1], SIGNATURE_LIMIT)
    request = None if ref else _read(paths[0])
    if output is not None and request is not None:
        _to_file(request, signature, output, force=force, as_json=as_json)
    else:
        _queue(ref or (request.request_id if request else ""), signature, as_json=as_json)


def _to_file(
    request: SigningRequest, signature: bytes, output: Path, *, force: bool, as_json: bool
) -> None:
    import hashlib

    from envelopes.request import complete as make_envelope

    done = make_envelope(request, signature, at=session.now())
    files.write_all({output: done.data}, force=force)
    digest = hashlib.sha256(done.data).hexdigest()
    if as_json:
        facts = {"file": str(output), "sha256": digest, "size": len(done.data)}
        show.emit("sign-complete", {**facts, "findings": _findings_json(done.findings)})
        return
    _print_findings(done.findings)
    show.out(f"{output} · {show.size(len(done.data))} · sha256 {digest}")


def _queue(ref: str, signature: bytes, *, as_json: bool) -> None:
    from ..flow import remote

    with session.open_world() as (_, world):
        signed = asyncio.run(remote.complete(ref, signature, world=world, now=session.now()))
    if as_json:
        show.emit(
            "sign-complete",
            {
                "tracking_id": signed.tracking_id,
                "document_id": signed.document_id,
                "duplicate": signed.duplicate,
                "findings": _findings_json(signed.findings),
            },
        )
        return
    _print_findings(signed.findings)
    text = (
        say("đã ký trước đây; không gửi thêm", "was signed before; nothing more is sent")
        if signed.duplicate
        else say("chữ ký đúng; đã xếp hàng gửi", "the signature is right; queued")
    )
    show.note(f"{show.paint('✔', 'good')} {show.plain(signed.document_id)}: {text}")
    show.out(signed.tracking_id)


def _print_findings(findings: Sequence[Finding]) -> None:
    for one in findings:
        show.note(f"{one.code}  {one.sentence(spoken())}")


def _findings_json(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"code": one.code, "text": one.sentence("en")} for one in findings]
