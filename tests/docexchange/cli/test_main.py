"""docexchange/cli/__init__.py and exits.py: languages, options anywhere, errors to exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from docexchange import __version__
from docexchange.cli import commands, exits, hoist, main, show, words
from docexchange.cli.commands import NOUNS, OFFLINE, build
from docexchange.cli.exits import Exit
from docexchange.core.errors import (
    Ambiguous,
    ConfigError,
    Conflict,
    Deferred,
    DeliveryRefused,
    Misuse,
    NotFound,
    PermissionRefused,
    StoreBusy,
    StoreError,
    SubmissionRefused,
)
from envelopes.errors import Malformed
from keys.errors import KeyUnusable
from tests.office import Office


@pytest.mark.parametrize(
    ("arguments", "environment", "lang"),
    [
        ([], {}, "vi"),
        (["--lang", "en"], {}, "en"),
        (["list", "--lang=en"], {}, "en"),
        (["--lang", "vi"], {"DOCEXCHANGE_LANG": "en"}, "vi"),
        ([], {"DOCEXCHANGE_LANG": "en"}, "en"),
        ([], {"LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ([], {"DOCEXCHANGE_LANG": "vi", "LC_MESSAGES": "en_GB"}, "vi"),
        ([], {"LC_MESSAGES": "fr_FR"}, "vi"),
        (["--lang"], {}, "vi"),
    ],
)
def test_which_language(arguments: list[str], environment: Mapping[str, str], lang: str) -> None:
    assert words.chosen(arguments, environment) == lang


@pytest.mark.parametrize(
    ("given", "first", "rest"),
    [
        (["list", "-c", "x"], ["-c", "x"], ["list"]),
        (["list", "--config=x", "-v"], ["--config=x", "-v"], ["list"]),
        (
            ["send", "a", "--lang", "en", "--to", "H01"],
            ["--lang", "en"],
            ["send", "a", "--to", "H01"],
        ),
        (["send", "--", "-c", "-v"], [], ["send", "--", "-c", "-v"]),
        (["list", "-c"], ["-c"], ["list"]),
        ([], [], []),
    ],
)
def test_options_that_may_stand_anywhere(
    given: list[str], first: list[str], rest: list[str]
) -> None:
    assert hoist(given) == (first, rest)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_command_that_is_asked_for_is_loaded_alone(
    noun: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--lang", "en", noun, "--help"]) == Exit.DONE
    alone = capsys.readouterr().out
    with patch.object(commands, "NOUNS", tuple(reversed(NOUNS))):
        everything = build("")
    assert (
        everything(["--lang", "en", noun, "--help"], prog_name="docexchange", standalone_mode=False)
        == 0
    )
    assert capsys.readouterr().out == alone
    assert len(build(noun).registered_commands) <= len(("send", "pack"))


def test_what_reads_files_only_loads_no_log() -> None:
    lines = [f"main([{noun!r}, {__file__!r}]); main([{noun!r}, '--help'])" for noun in OFFLINE]
    code = "; ".join(("import sys", "from docexchange.cli import main", *lines))
    code += "; sys.exit('structlog' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()


def test_verify_loads_nothing_that_most_envelopes_do_not_need() -> None:
    modules = ("cli.verify", "cli.folders", "edges.anchors")
    code = "; ".join(f"import docexchange.{module}" for module in modules)
    code += (
        "; import sys; sys.exit(', '.join({'asn1crypto', 'keys.private'} & {*sys.modules}) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()


def test_the_collector_leaves_alone_what_a_command_loaded() -> None:
    code = "import gc, sys; from docexchange.__main__ import run; run()"
    code += "; sys.exit(not gc.get_freeze_count())"
    arguments = [sys.executable, "-c", code, "--version"]
    ran = subprocess.run(arguments, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout.decode().strip()) == (0, __version__)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionRefused("x"), Exit.PERMISSION),
        (ConfigError("x"), Exit.CONFIG),
        (StoreBusy("x"), Exit.REFUSED),
        (StoreError("x"), Exit.UNAVAILABLE),
        (Deferred("x"), Exit.LATER),
        (DeliveryRefused("x"), Exit.REFUSED),
        (SubmissionRefused("E-RTE-001", "x", "y"), Exit.REFUSED),
        (Conflict("x"), Exit.REFUSED),
        (NotFound("x"), Exit.NOT_FOUND),
        (Ambiguous("x", ("a", "b")), Exit.USAGE),
        (KeyUnusable("x"), Exit.NEGATIVE),
        (Malformed("x"), Exit.NEGATIVE),
        (FileNotFoundError(2, "x"), Exit.NOT_FOUND),
        (PermissionError(13, "x"), Exit.PERMISSION),
        (IsADirectoryError(21, "x"), Exit.IO),
        (ConnectionRefusedError(111, "x"), Exit.UNAVAILABLE),
        (TimeoutError(), Exit.LATER),
        (OSError(28, "No space left on device"), Exit.IO),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (Misuse("x"), Exit.BUG),
        (KeyError("x"), Exit.BUG),
        (ExceptionGroup("x", [StoreError("y")]), Exit.UNAVAILABLE),
        (ExceptionGroup("x", [StoreError("y"), KeyError("z")]), Exit.BUG),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value.name,
)
def test_errors_and_their_codes(error: BaseException, code: Exit) -> None:
    assert exits.code_of(error) is code


def test_sentences_speak_both_languages() -> None:
    error = NotFound("not here", "không có ở đây")
    words.speak("vi")
    assert exits.sentence(error) == "không có ở đây"
    words.speak("en")
    assert exits.sentence(error) == "not here"
    refused = SubmissionRefused("E-RTE-001", "vi", "en", detail="H99", pointer="To")
    assert exits.sentence(refused) == "en [E-RTE-001]: H99 (To)"
    assert exits.sentence(Ambiguous("x", ("A1", "A2"))).splitlines()[1:] == ["  A1", "  A2"]


def test_a_sentence_hides_passwords_and_control_characters() -> None:
    error = ConfigError("amqp://u:secret@mq \x1b[2J")
    words.speak("en")
    assert exits.sentence(error) == "amqp://u:***@mq  [2J"


def test_every_code_is_in_the_table() -> None:
    words.speak("en")
    shown = [int(line.split()[0]) for line in exits.table().splitlines()]
    assert shown == [code for code in Exit if code is not Exit.INTERRUPTED]


def test_a_bug_is_told_in_one_sentence_with_its_report(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: object) -> int:
        raise KeyError("amqp://u:secret@mq")

    monkeypatch.setattr("docexchange.cli._run", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["list", "--lang", "en"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("a bug of docexchange: KeyError: 'amqp://u:***@mq'")
    assert "Traceback" not in err
    [report] = tmp_path.iterdir()
    assert str(report) in err
    assert "Traceback" in report.read_text()
    assert "secret" not in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["frob"], "No such command 'frob'"),
        (["list", "--nope"], "no such option --nope"),
        (["track"], "missing REF"),
        (["verify", "x"], "missing --trust"),
        (["list", "--limit", "0"], "--limit"),
        (["list", "--lang", "fr"], "--lang: vi | en"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
    assert main(["--lang", "en", *arguments] if "fr" not in arguments else arguments) == 2
    err = capsys.readouterr().err
    assert why in err
    assert "--help" in err


def test_no_config_is_told(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOCEXCHANGE_CONFIG", raising=False)
    monkeypatch.setattr("docexchange.cli.session.PLACES", ("docexchange.toml",))
    ran = office.bare("list")
    assert ran.code == 78
    assert "docexchange init" in ran.err
    monkeypatch.setenv("DOCEXCHANGE_CONFIG", str(tmp_path / "H05" / "docexchange.toml"))
    assert office.bare("list").code == 0
    monkeypatch.delenv("DOCEXCHANGE_CONFIG")
    monkeypatch.chdir(tmp_path / "H05")
    assert office.bare("list").code == 0


def command(*arguments: str, lang: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "docexchange", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "DOCEXCHANGE_LANG": lang},
        cwd=Path(__file__).parents[3],
        timeout=60,
    )


@pytest.mark.parametrize(
    ("lang", "heading", "code"),
    [("vi", "Mã thoát:", "77  thiếu quyền"), ("en", "Exit codes:", "77  permission")],
)
def test_help_ends_with_the_exit_codes(lang: str, heading: str, code: str) -> None:
    for arguments in (["--help"], ["send", "--help"]):
        ran = command(*arguments, lang=lang)
        assert ran.returncode == 0
        assert heading in ran.stdout
        assert code in ran.stdout


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    ran = subprocess.run(
        f"{sys.executable} -m docexchange --help | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        check=False,
        capture_output=True,
        text=True,
        executable="/bin/bash",
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    assert "Traceback" not in ran.stderr
    assert "docexchange-bug" not in ran.stderr


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("abc", "abc"),
        ("abcdefgh", "abcde…"),
        ("ệ" * 6, "ệ" * 6),
        ("e\u0323\u0302" * 6, "e\u0323\u0302" * 6),  # three characters a letter
        ("ab\x1b[2Jcd", "ab [2…"),
        ("x" * 10_000_000, "xxxxx…"),
        ("a" + "\u0301" * 10_000_000, "a" + "\u0301" * 35 + "…"),
    ],
)
def test_a_text_in_a_list_is_short_and_costs_little(text: str, short: str) -> None:
    assert show.short(text, 6) == short
