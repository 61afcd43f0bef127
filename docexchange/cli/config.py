"""`config check`: whether a node can work with its config, directory, keys and trust; every problem
at once, and warnings for what will hurt later.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..core.errors import DocexchangeError
from . import exits, options, session, show
from .words import say

if TYPE_CHECKING:
    from keys.certificates import Certificate
    from keys.trust import Trust

    from ..config import Config, OrganConfig
    from ..edges.directory import TomlDirectory

EXPIRY_WARNING = timedelta(days=60)  # a new certificate takes weeks to get


@dataclass
class Findings:
    """What a check found; a problem keeps the exit code it would have anywhere else."""

    problems: list[tuple[str, exits.Exit]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def failed(self, error: DocexchangeError) -> None:
        """Note an error that a command would end with."""
        self.problems.append((exits.sentence(error), exits.code_of(error)))

    def problem(self, vi: str, en: str) -> None:
        """Note something that cannot work."""
        self.problems.append((say(vi, en), exits.Exit.NEGATIVE))

    def warn(self, vi: str, en: str) -> None:
        """Note something that works, but should not stay so."""
        self.warnings.append(say(vi, en))


def register(app: typer.Typer) -> None:
    """Add the command."""
    from .commands import new_group

    group = new_group(say("Cấu hình của nút.", "Configuration of the node."))
    options.add(
        group,
        "check",
        check,
        "Kiểm tra cấu hình, danh mục, khoá, chứng thư gốc; nêu mọi lỗi cùng lúc.",
        "Check config, directory, keys and trust anchors; tells every problem at once.",
    )
    app.add_typer(group, name="config")


def check(as_json: options.Json = False) -> None:
    """Check everything that can be checked without a broker."""
    from ..config import load

    path = session.config_path()
    found = Findings()
    config = None
    try:
        config = load(path)
    except DocexchangeError as error:
        found.failed(error)
    if config is not None:
        examine(config, found, session.now())
    if as_json:
        show.emit(
            "config-check",
            {
                "file": str(path),
                "problems": [text for text, _ in found.problems],
                "warnings": found.warnings,
            },
        )
    else:
        _print(path, found)
    raise typer.Exit(found.problems[0][1] if found.problems else exits.Exit.DONE)


def _print(path: Path, found: Findings) -> None:
    for text, _ in found.problems:
        for line in text.splitlines():
            show.out(f"{show.paint('✖', 'bad')} {line}")
    for text in found.warnings:
        show.out(f"{show.paint('▲', 'open')} {text}")
    problems, warnings = (
        sum(len(text.splitlines()) for text, _ in found.problems),
        len(found.warnings),
    )
    mark = show.paint("✔", "good") if not problems else show.paint("✖", "bad")
    show.out(
        say(
            f"{mark} {path}: {problems} lỗi, {warnings} cảnh báo",
            f"{mark} {path}: {problems} problem(s), {warnings} warning(s)",
        )
    )


def examine(config: Config, found: Findings, now: datetime) -> None:
    """Check what a config names: directory, trust, keys, addresses of brokers."""
    from ..edges.anchors import load_trust

    directory, trust = None, None
    try:
        directory = session.load_directory(config)
    except DocexchangeError as error:
        found.failed(error)
    try:
        trust, _ = load_trust(config.trust)
    except DocexchangeError as error:
        found.failed(error)
    if trust is not None:
        _check_trust(config, trust, found)
    for organ in config.organs.values():
        _check_organ(organ, config, directory, trust, found, now)
        if organ.document_chain is not None:
            _check_remote(organ, organ.document_chain, directory, trust, found, now)
    _check_brokers(config, found)
    if config.crash_points:
        found.warn(
            "[test] crash_points = true: chỉ dùng khi thử nghiệm",
            "[test] crash_points = true: for tests only",
        )


def _check_trust(config: Config, trust: Trust, found: Findings) -> None:
    from ..edges.keyring import is_demo

    for anchor in trust.anchors:
        if is_demo(anchor.certificate):
            found.warn(
                f"{config.trust}: tin CA thử nghiệm (DEMO) {anchor.certificate.subject}; "
                "bỏ ra trước khi dùng thật",
                f"{config.trust}: trusts a DEMO CA, {anchor.certificate.subject}; "
                "take it out before real use",
            )


def _check_organ(
    organ: OrganConfig,
    config: Config,
    directory: TomlDirectory | None,
    trust: Trust | None,
    found: Findings,
    now: datetime,
) -> None:
    from keys.errors import KeysError
    from keys.signer import require_signs

    from ..edges.keyring import open_signer

    if directory is not None:
        _check_entry(organ, config, directory, found)
    try:
        signer = open_signer(organ.signer, now)
        require_signs(signer)
    except DocexchangeError as error:
        found.failed(error)
        return
    except KeysError as error:
        found.problem(f"{organ.signer.where}: {error.vi}", f"{organ.signer.where}: {error}")
        return
    _check_chain(organ, organ.signer.where, signer.chain, directory, trust, found, now)


def _check_remote(
    organ: OrganConfig,
    file: Path,
    directory: TomlDirectory | None,
    trust: Trust | None,
    found: Findings,
    now: datetime,
) -> None:
    """The certificates of a key that is elsewhere; that it can sign is seen only when it does."""
    from ..edges.remotekeys import read_remote

    try:
        key = read_remote(file, now)
    except DocexchangeError as error:
        found.failed(error)
        return
    _check_chain(organ, str(file), key.chain, directory, trust, found, now)


def _check_chain(
    organ: OrganConfig,
    where: str,
    chain: tuple[Certificate, ...],
    directory: TomlDirectory | None,
    trust: Trust | None,
    found: Findings,
    now: datetime,
) -> None:
    left = chain[0].not_after - now
    if left < EXPIRY_WARNING:
        found.warn(
            f"{where}: chứng thư của {organ.organ_id} hết hạn sau {show.span(left)}",
            f"{where}: the certificate of {organ.organ_id} ends in {show.span(left)}",
        )
    if trust is not None:
        _check_path(organ, where, chain, directory, trust, found, now)


def _check_entry(
    organ: OrganConfig, config: Config, directory: TomlDirectory, found: Findings
) -> None:
    entry = directory.find(organ.organ_id)
    if entry is None or entry.organ_id != organ.organ_id or entry.closed:
        found.problem(
            f"{config.directory}: không có cơ quan {organ.organ_id} đang hoạt động",
            f"{config.directory}: has no open entry for {organ.organ_id}",
        )
    elif entry.node != config.node:
        found.problem(
            f"{config.directory}: {organ.organ_id} thuộc nút {entry.node}, "
            f"nút này là {config.node}",
            f"{config.directory}: {organ.organ_id} is served by {entry.node}; "
            f"this node is {config.node}",
        )


def _check_path(
    organ: OrganConfig,
    where: str,
    chain: tuple[Certificate, ...],
    directory: TomlDirectory | None,
    trust: Trust,
    found: Findings,
    now: datetime,
) -> None:
    path = trust.path(chain[0], chain[1:], now)
    if path.problem:
        found.problem(
            f"{where}: bên nhận sẽ không tin chứng thư này ({path.problem}: {path.detail})",
            f"{where}: receivers will not trust it ({path.problem}: {path.detail})",
        )
    elif directory is not None:
        speaks, why = directory.speaks_for(organ.organ_id, path.chain, now)
        if not speaks:
            found.problem(
                f"{where}: theo danh mục, chứng thư này không ký cho {organ.organ_id} ({why})",
                f"{where}: by the directory it may not sign for {organ.organ_id} ({why})",
            )


def _check_brokers(config: Config, found: Findings) -> None:
    for broker in (config.axis.broker, config.mailroom):
        if broker is None:
            continue
        try:
            broker.url()
        except DocexchangeError as error:
            found.failed(error)
        if broker.file is None and _others_can_read(config.path):
            found.warn(
                f"{broker.where}: địa chỉ có mật khẩu mà người khác đọc được tệp này; "
                f"dùng url_file, hoặc chmod 600 {config.path}",
                f"{broker.where}: the address holds a password and others can read this file; "
                f"use url_file, or chmod 600 {config.path}",
            )


def _others_can_read(path: Path) -> bool:
    return bool(stat.S_IMODE(os.stat(path).st_mode) & 0o044)  # noqa: PTH116  # beside stat
