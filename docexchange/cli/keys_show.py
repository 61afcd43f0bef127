"""`keys show`: what a file or a folder holds: certificates, requests, PKCS#12; never a key."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import NotFound
from ..edges.keysource import Secret
from . import exits, files, options, passphrase, show
from .words import say

if TYPE_CHECKING:
    from keys.certificates import Certificate
    from keys.request import Request

FILE_BYTES = 1024 * 1024  # a chain is a few KiB
FILES_MAX = 1000  # files shown of a folder


@dataclass
class Held:
    """What a file holds; `others` names blocks that are never printed, `problem` why not all
    could be read."""

    path: Path
    mode: int
    certificates: list[Certificate] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def key_in_reach(self) -> bool:
        """Whether it holds a key that others can read or change."""
        return bool(self.mode & 0o077) and any("PRIVATE KEY" in label for label in self.others)


def register(group: typer.Typer) -> None:
    """Add the command."""
    options.add(
        group,
        "show",
        show_path,
        "Cho xem chứng thư trong tệp PEM, DER, PKCS#12, CSR hoặc thư mục; không bao giờ in khoá.",
        "Show the certificates in a PEM, DER, PKCS#12 or CSR file, or a folder; never a key.",
    )


def show_path(
    path: Annotated[
        Path,
        typer.Argument(
            metavar=say("TỆP", "FILE"), help=say("PEM, DER, PKCS#12, CSR, thư mục", "... or folder")
        ),
    ],
    passphrase_file: passphrase.File = None,
    passphrase_env: passphrase.Variable = "",
    as_json: options.Json = False,
) -> None:
    """Print what is in a file, or in each file directly inside a folder."""
    place = passphrase.secret(passphrase_file, passphrase_env)
    if path.is_dir():
        inside = _inside(path)
        held = [_held(one, place, ask=False) for one in inside]
    else:
        held = [_held(path, place, ask=True)]
    if as_json:
        documents = [_json(one) for one in held]
        whole = {"folder": str(path), "files": documents} if path.is_dir() else documents[0]
        show.emit("keys-show", whole)
    else:
        for one in held:
            _print(one, named=path.is_dir())
    if all(not (one.certificates or one.requests or one.others) for one in held):
        raise typer.Exit(exits.Exit.NEGATIVE)


def _inside(folder: Path) -> Sequence[Path]:
    inside = sorted(one for one in folder.iterdir() if one.is_file())[:FILES_MAX]
    if not inside:
        raise NotFound(f"{folder}: holds no file", f"{folder}: không có tệp nào")
    return inside


def _held(path: Path, place: Secret, *, ask: bool) -> Held:
    from keys.errors import KeysError

    data = files.read_bounded(path, FILE_BYTES)
    held = Held(path, stat.S_IMODE(path.stat().st_mode))
    try:
        _read(data, held, place, ask=ask)
    except KeysError as error:
        if ask:
            raise
        held.problem = exits.sentence(error)
    return held


def _read(data: bytes, held: Held, place: Secret, *, ask: bool) -> None:
    from keys.certificates import Certificate, pem_blocks
    from keys.errors import CertificateUnusable
    from keys.private import is_pkcs12, open_pkcs12
    from keys.request import read_request

    if is_pkcs12(data):
        held.others.append("PKCS#12, PRIVATE KEY")
        opened = (
            passphrase.opening(lambda words: open_pkcs12(data, words), place, held.path)
            if ask
            else open_pkcs12(data, place.read())
        )
        held.certificates.extend(opened.certificates)
        return
    if data[:1] == b"\x30":  # DER: the one or the other
        try:
            held.certificates.append(Certificate.from_der(data))
        except CertificateUnusable:
            held.requests.append(read_request(data))
        return
    for label, der in pem_blocks(data):
        if label == "CERTIFICATE":
            held.certificates.append(Certificate.from_der(der))
        elif label in ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"):
            held.requests.append(read_request(der))
        else:
            held.others.append(label)


def _print(held: Held, *, named: bool) -> None:
    if named:
        show.out(show.paint(f"── {show.plain(str(held.path))}", "dim"))
    for certificate in held.certificates:
        show.out(show.paint(show.plain(certificate.subject), "bold"))
        show.facts(_facts(certificate))
    for request in held.requests:
        kind = say("Yêu cầu cấp chứng thư", "Certificate request")
        show.out(show.paint(f"{kind}: {show.plain(request.subject)}", "bold"))
        show.facts(_request_facts(request))
    for label in held.others:
        mode = f"{say('không in ra', 'not printed')}; {say('quyền', 'mode')} {held.mode:04o}"
        show.out(f"{label}: {mode}")
    if held.key_in_reach:
        chmod = f"chmod 600 {held.path}"
        show.note(say(f"cảnh báo: chạy {chmod}", f"warning: run {chmod}"))
    if held.problem:
        show.out(held.problem)


def _facts(one: Certificate) -> list[tuple[str, str]]:
    yes, no = say("có", "yes"), say("không", "no")
    return [
        (say("Mã cơ quan", "Organ"), one.organ_id or say("(không ghi)", "(none)")),
        (say("Cấp bởi", "Issuer"), one.issuer),
        (say("Số sê-ri", "Serial"), one.serial),
        (say("Khoá", "Key"), key_words(one)),
        (say("Hiệu lực", "Valid"), f"{show.moment(one.not_before)} → {show.moment(one.not_after)}"),
        ("SHA-256", one.fingerprint),
        ("CA", yes if one.is_ca else no),
        (
            say("Được ký văn bản", "May sign documents"),
            yes if one.may_sign and not one.is_ca else no,
        ),
        (say("Tự ký", "Self-signed"), yes if one.is_self_signed else no),
    ]


def _request_facts(one: Request) -> list[tuple[str, str]]:
    whole = say("đúng", "good") if one.own_signature else say("SAI", "BAD")
    return [
        (say("Mã cơ quan", "Organ"), one.organ_id or say("(không ghi)", "(none)")),
        (say("Chữ ký của chính khoá", "Own signature"), whole),
    ]


def key_words(one: Certificate) -> str:
    """Kind and size of a certificate's key, as "RSA 2048"; and why it may not sign."""
    from keys.algorithms import key_name, key_problem

    problem = key_problem(one.public_key)
    return key_name(one) + (f" ({problem})" if problem else "")


def _json(held: Held) -> dict[str, object]:
    return {
        "file": str(held.path),
        "mode": f"{held.mode:04o}",
        "certificates": [_certificate_json(one) for one in held.certificates],
        "requests": [
            {
                "subject": one.subject,
                "organ_id": one.organ_id or None,
                "own_signature": one.own_signature,
            }
            for one in held.requests
        ],
        "others": held.others,
        "problem": held.problem or None,
    }


def _certificate_json(one: Certificate) -> dict[str, object]:
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "serial": one.serial,
        "organ_id": one.organ_id or None,
        "key": key_words(one),
        "not_before": one.not_before,
        "not_after": one.not_after,
        "sha256": one.fingerprint,
        "is_ca": one.is_ca,
        "is_self_signed": one.is_self_signed,
        "may_sign": one.may_sign and not one.is_ca,
    }
