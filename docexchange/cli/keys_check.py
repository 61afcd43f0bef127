"""`keys check`: whether a key with its certificates can sign for an organ now, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError, NotFound, PermissionRefused
from ..edges.keysource import KeySource, PemKey, Pkcs12Key, TokenSource
from . import exits, options, passphrase, session, show
from .words import say

if TYPE_CHECKING:
    from keys.certificates import Certificate
    from keys.trust import Trust

    from ..edges.directory import TomlDirectory


@dataclass
class Subject:
    """What is checked, and against what."""

    source: KeySource
    organ: str
    trust: Path | None
    directory: Path | None


@dataclass
class Result:
    """The checks in their order: (stable name, passed, what was found)."""

    checks: list[tuple[str, bool, str]] = field(default_factory=list)

    def add(self, name: str, problem: str, good: str) -> None:
        """Note a check; an empty problem means that it passed."""
        self.checks.append((name, not problem, problem or good))

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(passed for _, passed, _ in self.checks)


def register(group: typer.Typer) -> None:
    """Add the command."""
    options.add(
        group,
        "check",
        check,
        "Kiểm tra khoá, chứng thư có ký được văn bản không (mã thoát 1 nếu không).",
        "Check whether a key and its certificates can sign documents (exit code 1 if not).",
    )


def check(
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar=say("TỆP", "FILE"), help=say("khoá riêng, PEM", "private key, PEM")
        ),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(
            "--cert",
            metavar=say("TỆP", "FILE"),
            help=say("chuỗi chứng thư, PEM, của cơ quan trước", "chain, PEM, the organ's first"),
        ),
    ] = None,
    pkcs12: Annotated[
        Path | None,
        typer.Option("--pkcs12", metavar=say("TỆP", "FILE"), help=".p12, .pfx"),
    ] = None,
    organ: Annotated[
        str,
        typer.Option(
            "--organ",
            metavar=say("MÃ", "CODE"),
            help=say(
                "cơ quan phải khớp; một mình: khoá của cơ quan này trong cấu hình",
                "the organ it must be for; alone: this organ's key in the config",
            ),
        ),
    ] = "",
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust",
            metavar=say("ĐƯỜNG_DẪN", "PATH"),
            help=say("chứng thư gốc tin cậy, tệp hay thư mục", "trust anchors, file or folder"),
        ),
    ] = None,
    passphrase_file: passphrase.File = None,
    passphrase_env: passphrase.Variable = "",
    as_json: options.Json = False,
) -> None:
    """Print each check with its result."""
    place = passphrase.secret(passphrase_file, passphrase_env)
    if key and cert and not pkcs12:
        subject = Subject(PemKey(key, cert, place), organ, trust, None)
    elif pkcs12 and not key:
        subject = Subject(Pkcs12Key(pkcs12, cert, place), organ, trust, None)
    elif organ and not (key or cert or pkcs12):
        subject = _of_config(organ, trust)
    else:
        raise typer.BadParameter(
            say(
                "cần --key và --cert, hoặc --pkcs12, hoặc --organ (theo cấu hình)",
                "give --key and --cert, or --pkcs12, or --organ (from the config)",
            )
        )
    result, chain = _check(subject, session.now())
    _tell(subject, result, chain, as_json=as_json)
    raise typer.Exit(exits.Exit.DONE if result.passed else exits.Exit.NEGATIVE)


def _of_config(organ: str, trust: Path | None) -> Subject:
    config = session.load_config()
    if organ not in config.organs:
        raise NotFound(
            f"{config.path}: this node does not serve {organ}",
            f"{config.path}: nút này không phục vụ {organ}",
        )
    source = config.organs[organ].signer
    return Subject(source, organ, trust or config.trust, config.directory)


def _check(subject: Subject, now: datetime) -> tuple[Result, tuple[Certificate, ...]]:
    result = Result()
    chain = _check_key(subject.source, result)
    if not chain:
        try:
            chain = _certificates(subject.source)
        except ConfigError as error:
            result.add("chain", exits.sentence(error), "")
            return result, ()
    leaf = chain[0]
    _check_strength(chain, result)
    _check_usage(leaf, result)
    result.add("validity", _outside(leaf, now), _valid(leaf, now))
    wrong = subject.organ and leaf.organ_id and leaf.organ_id != subject.organ
    result.add(
        "organ",
        say(
            f"chứng thư ghi mã {leaf.organ_id}, không phải {subject.organ}",
            f"the certificate names {leaf.organ_id}, not {subject.organ}",
        )
        if wrong
        else "",
        leaf.organ_id or say("chứng thư không ghi mã cơ quan", "the certificate names no organ"),
    )
    if subject.trust is not None:
        _check_path(subject, chain, result, now)
    return result, chain


def _check_key(source: KeySource, result: Result) -> tuple[Certificate, ...]:
    """Open the key and let it sign something worthless; returns its chain, () if it cannot."""
    from keys.errors import KeyLocked, KeysError
    from keys.signer import require_signs

    from ..edges.keyring import open_signer

    try:
        signer = open_signer(source, None)
        require_signs(signer)
    except PermissionRefused:
        raise
    except (ConfigError, KeysError) as error:
        if isinstance(error.__cause__, KeyLocked) and not isinstance(source, TokenSource):
            unlocked = _unlocked(source)
            if unlocked is not None:
                return _check_key(unlocked, result)
        result.add("key", exits.sentence(error), "")
        return ()
    result.add(
        "key",
        "",
        say(
            f"mở được, thuộc chứng thư, ký thử được ({signer.algorithm.name})",
            f"opens, is the certificate's, signed on trial ({signer.algorithm.name})",
        ),
    )
    return signer.chain


def _certificates(source: KeySource) -> tuple[Certificate, ...]:
    from ..edges.keyring import read_chain

    return read_chain(source)


def _check_strength(chain: tuple[Certificate, ...], result: Result) -> None:
    from keys.algorithms import key_problem

    from .keys_show import key_words

    problems = [
        f"{show.plain(one.subject)}: {problem}"
        for one in chain
        if (problem := key_problem(one.public_key) or _weak_digest(one))
    ]
    result.add("strength", "; ".join(problems), ", ".join(key_words(one) for one in chain))


def _weak_digest(one: Certificate) -> str:
    digest = one.x509.signature_hash_algorithm
    name = digest.name if digest else ""
    return f"signed with {name}" if name in ("md5", "sha1") else ""


def _check_usage(leaf: Certificate, result: Result) -> None:
    from keys.trust import unfit_leaf

    problem = unfit_leaf(leaf)
    result.add(
        "usage",
        problem,
        say("được ký văn bản, không phải CA", "may sign documents, is no CA"),
    )


def _outside(leaf: Certificate, now: datetime) -> str:
    if now < leaf.not_before:
        return say(
            f"chưa có hiệu lực, từ {show.moment(leaf.not_before)}",
            f"not yet valid, from {show.moment(leaf.not_before)}",
        )
    if now > leaf.not_after:
        return say(
            f"đã hết hạn {show.moment(leaf.not_after)}",
            f"expired {show.moment(leaf.not_after)}",
        )
    return ""


def _valid(leaf: Certificate, now: datetime) -> str:
    left = show.span(leaf.not_after - now)
    return say(
        f"đến {show.moment(leaf.not_after)}, còn {left}",
        f"until {show.moment(leaf.not_after)}, {left} left",
    )


def _check_path(
    subject: Subject, chain: tuple[Certificate, ...], result: Result, now: datetime
) -> None:
    from ..edges.anchors import load_trust
    from ..edges.directory import TomlDirectory

    if subject.trust is None:
        return
    trust: Trust = load_trust(subject.trust)[0]
    path = trust.path(chain[0], chain[1:], now)
    anchor = path.anchor.certificate.subject if path.anchor else ""
    result.add("path", f"{path.problem}: {path.detail}" if path.problem else "", f"→ {anchor}")
    if path.problem or subject.directory is None:
        return
    directory: TomlDirectory = TomlDirectory.load(subject.directory)
    speaks, why = directory.speaks_for(subject.organ, path.chain, now)
    result.add("directory", "" if speaks else why, why)


def _unlocked(source: PemKey | Pkcs12Key) -> KeySource | None:
    """The same source with a passphrase that a person typed; None without a terminal."""
    typed = passphrase.typed(source.where)
    return replace(source, passphrase=typed) if typed else None


_NAMES = {
    "key": ("Khoá", "Key"),
    "chain": ("Chuỗi", "Chain"),
    "strength": ("Độ mạnh", "Strength"),
    "usage": ("Mục đích", "Usage"),
    "validity": ("Hiệu lực", "Validity"),
    "organ": ("Cơ quan", "Organ"),
    "path": ("Tin cậy", "Trust"),
    "directory": ("Danh mục", "Directory"),
}


def _tell(
    subject: Subject, result: Result, chain: tuple[Certificate, ...], *, as_json: bool
) -> None:
    if as_json:
        leaf = chain[0] if chain else None
        show.emit(
            "keys-check",
            {
                "where": subject.source.where,
                "passed": result.passed,
                "subject": leaf.subject if leaf else None,
                "organ_id": (leaf.organ_id or None) if leaf else None,
                "not_after": leaf.not_after if leaf else None,
                "checks": [
                    {"name": name, "passed": passed, "detail": detail}
                    for name, passed, detail in result.checks
                ],
            },
        )
        return
    show.out(show.plain(chain[0].subject if chain else subject.source.where))
    wide = max(show.width(say(*_NAMES[name])) for name, _, _ in result.checks)
    for name, passed, detail in result.checks:
        mark = show.paint("✔", "good") if passed else show.paint("✖", "bad")
        label = say(*_NAMES[name])
        padded = label + " " * (wide - show.width(label))
        show.out(f"  {mark} {padded}  {show.plain(detail)}")
    if subject.trust is None:
        show.note(
            say(
                "chưa kiểm tra tới chứng thư gốc; thêm --trust",
                "the path to a root was not checked; add --trust",
            )
        )
