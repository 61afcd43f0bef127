"""`keys expiring`: which certificates end soon: of organs, anchors, the directory, given files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError, DocexchangeError
from . import exits, files, options, session, show
from .words import say

if TYPE_CHECKING:
    from keys.certificates import Certificate

    from ..config import Config

FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends: a certificate, or its listing in the directory."""

    where: str
    name: str
    organ: str
    ends: datetime
    sha256: str


def register(group: typer.Typer) -> None:
    """Add the command."""
    options.add(
        group,
        "expiring",
        expiring,
        "Chứng thư sắp hết hạn: theo cấu hình, danh mục, chứng thư gốc và tệp (mã thoát 1 nếu có).",
        "Certificates that end soon: of config, directory, anchors and files (exit code 1 if any).",
    )


def expiring(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar=say("TỆP", "FILE"), help=say("tệp PEM kiểm tra thêm", "PEM files to check too")
        ),
    ] = None,
    within: Annotated[
        str,
        typer.Option(
            "--within", metavar="30d", help=say("trong khoảng này", "in this length of time")
        ),
    ] = "30d",
    as_json: options.Json = False,
) -> None:
    """Print what ends within a time, the soonest first."""
    now, length = session.now(), options.span(within)
    problems: list[str] = []
    found = [ending for path in paths or () for ending in _in_file(path)]
    config = _config(required=not paths)
    if config is not None:
        found += _in_config(config, problems)
    ending = sorted(
        {one.sha256 + one.where: one for one in found if one.ends <= now + length}.values(),
        key=lambda one: (one.ends, one.where),
    )
    if as_json:
        show.emit(
            "keys-expiring",
            {
                "within": within,
                "checked": len(found),
                "expiring": [_json(one, now) for one in ending],
                "problems": problems,
            },
        )
    else:
        _print(ending, problems, len(found), within, now)
    raise typer.Exit(exits.Exit.NEGATIVE if ending or problems else exits.Exit.DONE)


def _config(*, required: bool) -> Config | None:
    try:
        path = session.config_path()
    except ConfigError:
        if required:
            raise
        return None
    from ..config import load

    return load(path)


def _in_config(config: Config, problems: list[str]) -> Iterator[Ending]:
    from ..edges.anchors import load_trust
    from ..edges.keyring import read_chain

    for organ in config.organs.values():
        try:
            chain = read_chain(organ.signer)
        except DocexchangeError as error:
            problems.append(exits.sentence(error))
            continue
        yield from (_of(one, organ.signer.where, organ.organ_id) for one in chain)
    try:
        anchors = load_trust(config.trust)[0].anchors
        yield from (_of(anchor.certificate, str(config.trust), "") for anchor in anchors)
        yield from _in_directory(config.directory)
    except DocexchangeError as error:
        problems.append(exits.sentence(error))


def _in_directory(path: Path) -> Iterator[Ending]:
    """The last listing of each organ that is bound by fingerprint alone: an older one that ends
    is an ordinary rollover."""
    from ..edges.directory import TomlDirectory

    for organ in TomlDirectory.load(path).organs():
        windows = organ.fingerprints.items()
        ends = {fingerprint: end for fingerprint, (_, end) in windows if end is not None}
        if organ.subject_rule or not ends or len(ends) < len(windows):
            continue
        last = max(ends, key=lambda fingerprint: ends[fingerprint])
        name = say(f"danh mục: {organ.name}", f"directory: {organ.name}")
        yield Ending(str(path), name, organ.organ_id, ends[last], last)


def _in_file(path: Path) -> Iterator[Ending]:
    from keys.certificates import Certificate, pem_blocks

    for label, der in pem_blocks(files.read_bounded(path, FILE_BYTES)):
        if label == "CERTIFICATE":
            certificate = Certificate.from_der(der)
            yield _of(certificate, str(path), certificate.organ_id)


def _of(one: Certificate, where: str, organ: str) -> Ending:
    return Ending(where, one.subject, organ, one.not_after, one.fingerprint)


def _json(one: Ending, now: datetime) -> dict[str, object]:
    return {
        "where": one.where,
        "subject": one.name,
        "organ_id": one.organ or None,
        "not_after": one.ends,
        "seconds_left": int((one.ends - now).total_seconds()),
        "sha256": one.sha256,
    }


def _print(
    ending: list[Ending], problems: list[str], checked: int, within: str, now: datetime
) -> None:
    if ending:
        show.table(
            (
                say("HẾT HẠN", "ENDS"),
                say("CÒN", "LEFT"),
                say("CƠ QUAN", "ORGAN"),
                say("CHỦ THỂ", "SUBJECT"),
                say("Ở ĐÂU", "WHERE"),
            ),
            [
                (
                    show.minute(one.ends),
                    say("đã hết", "over") if one.ends <= now else show.span(one.ends - now),
                    one.organ or "–",
                    show.short(one.name),
                    one.where,
                )
                for one in ending
            ],
        )
    for problem in problems:
        show.out(f"{show.paint('✖', 'bad')} {problem}")
    show.note(
        say(
            f"{checked} chứng thư; {len(ending)} hết hạn trong {within}",
            f"{checked} certificate(s); {len(ending)} end(s) within {within}",
        )
    )
