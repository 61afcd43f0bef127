"""`keys generate`, `keys request`, `keys import`: how an organ comes to a key and a certificate."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..edges.files import read_private
from ..edges.keysource import Secret
from . import files, options, passphrase, show
from .words import say

if TYPE_CHECKING:
    from keys.certificates import PublicKey
    from keys.private import PrivateKey

PRIVATE = 0o600


class KeyKind(enum.StrEnum):
    """Kinds of keys that we make."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"


KeyFile = Annotated[
    Path,
    typer.Option(
        "--key", metavar=say("TỆP", "FILE"), help=say("khoá riêng, PEM", "private key, PEM")
    ),
]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    options.add(
        group,
        "generate",
        generate,
        "Tạo khoá riêng (PKCS#8, 0600), có mật khẩu nếu muốn.",
        "Make a private key (PKCS#8, 0600), with a passphrase if you want one.",
    )
    options.add(
        group,
        "request",
        request,
        "Tạo yêu cầu cấp chứng thư (CSR) có mã định danh của cơ quan, để gửi cho CA.",
        "Make a certificate request (CSR) with the organ's code, for the CA.",
    )
    options.add(
        group,
        "import",
        import_,
        "Tách tệp PKCS#12 (.p12, .pfx) thành key.pem và chain.pem.",
        "Take a PKCS#12 file (.p12, .pfx) apart into key.pem and chain.pem.",
    )


def generate(
    output: options.File,
    kind: Annotated[
        KeyKind,
        typer.Option("--type", metavar="|".join(KeyKind), help=say("loại khoá", "kind of the key")),
    ] = KeyKind.RSA3072,
    passphrase_file: passphrase.File = None,
    passphrase_env: passphrase.Variable = "",
    ask: Annotated[
        bool,
        typer.Option(
            "--passphrase", help=say("hỏi mật khẩu trên màn hình", "ask for a passphrase here")
        ),
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a new private key."""
    from keys.private import key_pem, new_key

    secret = _new_secret(passphrase.secret(passphrase_file, passphrase_env), ask, output)
    files.refuse_existing([output], force=force)  # before seconds of work
    key = new_key(kind.value)
    files.write_all({output: key_pem(key, secret)}, force=force, mode=PRIVATE)
    _tell_key(output, kind.value, key, encrypted=secret is not None, as_json=as_json)


def _new_secret(place: Secret, ask: bool, what: Path) -> bytes | None:
    given = place.read()
    if ask and given is not None:
        raise typer.BadParameter(
            say(
                "--passphrase hỏi trên màn hình; không dùng cùng tệp hay biến môi trường",
                "--passphrase asks here; it does not go with a file or a variable",
            )
        )
    return passphrase.new(what) if ask else given


def _tell_key(output: Path, kind: str, key: PrivateKey, *, encrypted: bool, as_json: bool) -> None:
    digest = _spki_sha256(key.public_key())
    if as_json:
        document = {"file": str(output), "type": kind, "encrypted": encrypted}
        show.emit("keys-generate", {**document, "spki_sha256": digest})
        return
    yes, no = say("có", "yes"), say("không", "no")
    show.out(str(output))
    show.facts(
        [
            (say("Loại", "Type"), kind),
            (say("Có mật khẩu", "Encrypted"), yes if encrypted else no),
            ("SPKI SHA-256", digest),
        ]
    )
    show.note(
        say(
            f"Kế tiếp: docexchange keys request --key {output} --organ MÃ --name TÊN -o yc.csr",
            f"Next: docexchange keys request --key {output} --organ CODE --name NAME -o organ.csr",
        )
    )


def request(
    key: KeyFile,
    organ: Annotated[
        str,
        typer.Option(
            "--organ",
            metavar=say("MÃ", "CODE"),
            help=say("mã định danh cơ quan, như H05", "the organ's code, as H05"),
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar=say("TÊN", "NAME"),
            help=say("tên cơ quan (O, CN)", "name of the organ (O, CN)"),
        ),
    ],
    output: options.File,
    common_name: Annotated[
        str, typer.Option("--cn", metavar="CN", help=say("CN, nếu khác tên", "CN, if another"))
    ] = "",
    unit: Annotated[str, typer.Option("--unit", metavar="OU", help=say("đơn vị", "unit"))] = "",
    locality: Annotated[
        str, typer.Option("--locality", metavar="L", help=say("địa phương", "locality"))
    ] = "",
    province: Annotated[
        str, typer.Option("--province", metavar="ST", help=say("tỉnh, thành phố", "province"))
    ] = "",
    email: Annotated[str, typer.Option("--email", metavar="EMAIL", help="email")] = "",
    passphrase_file: passphrase.File = None,
    passphrase_env: passphrase.Variable = "",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a certificate request."""
    from envelopes.codes.organ import problem
    from keys.private import open_pem
    from keys.request import Subject, make_request

    why = problem(organ)
    if why is not None:
        raise typer.BadParameter(say(why.vi, why.en), param_hint="--organ")
    data = read_private(key)
    place = passphrase.secret(passphrase_file, passphrase_env)
    private = passphrase.opening(lambda words: open_pem(data, words), place, key)
    subject = Subject(organ, name, common_name, unit, locality, province, email)
    files.write_all({output: make_request(private, subject)}, force=force)
    written = subject.x509_name().rfc4514_string()
    digest = _spki_sha256(private.public_key())
    if as_json:
        document = {"file": str(output), "subject": written, "organ_id": organ}
        show.emit("keys-request", {**document, "spki_sha256": digest})
        return
    show.out(str(output))
    show.facts([(say("Chủ thể", "Subject"), written), ("SPKI SHA-256", digest)])
    show.note(
        say(
            "Gửi tệp này cho CA; khoá riêng ở lại đây. Có chứng thư rồi: docexchange keys check",
            "Send this file to the CA; the private key stays here. Then: docexchange keys check",
        )
    )


def import_(
    file: Annotated[Path, typer.Argument(metavar=say("TỆP", "FILE"), help="PKCS#12: .p12, .pfx")],
    output: options.Folder,
    passphrase_file: passphrase.File = None,
    passphrase_env: passphrase.Variable = "",
    key_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--key-passphrase-file",
            metavar=say("TỆP", "FILE"),
            help=say(
                "tệp (0600) có mật khẩu mới cho key.pem",
                "file (0600) with a new passphrase for key.pem",
            ),
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write key.pem and chain.pem, both 0600; the chain leaf first, without the root."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from keys.chain import order, require_fit
    from keys.private import key_pem, open_pkcs12

    data = read_private(file)
    place = passphrase.secret(passphrase_file, passphrase_env)
    opened = passphrase.opening(lambda words: open_pkcs12(data, words), place, file)
    public_key = opened.key.public_key()
    chain = order(public_key, opened.certificates)
    require_fit(public_key, chain)
    new_secret = Secret(key_passphrase_file).read()
    written = {
        output / "key.pem": key_pem(opened.key, new_secret),
        output / "chain.pem": b"".join(one.x509.public_bytes(Encoding.PEM) for one in chain),
    }
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_all(written, force=force, mode=PRIVATE)
    left_out = [one.subject for one in opened.certificates if one not in chain]
    if as_json:
        show.emit(
            "keys-import",
            {
                "key": str(output / "key.pem"),
                "chain": str(output / "chain.pem"),
                "encrypted": new_secret is not None,
                "subjects": [one.subject for one in chain],
                "left_out": left_out,
            },
        )
        return
    for path in written:
        show.out(str(path))
    show.facts([(f"{number}.", one.subject) for number, one in enumerate(chain, start=1)])
    for subject in left_out:
        show.note(
            say(
                f"không ghi (gốc, hoặc ngoài chuỗi): {show.plain(subject)}",
                f"left out (a root, or outside the chain): {show.plain(subject)}",
            )
        )


def _spki_sha256(public_key: PublicKey) -> str:
    import hashlib

    from keys.certificates import spki

    return hashlib.sha256(spki(public_key)).hexdigest()
