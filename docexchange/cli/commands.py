"""The tree of commands. Loaded after the language is chosen, since help texts are in it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from . import configure, exits
from .session import PLACES
from .show import out
from .words import say

# File -> how it registers its commands: each has `register(app)`.
NOUNS = (
    "demo",
    "db",
    "init",
    "run",
    "config",
    "doctor",
    "send",
    "sign",
    "status",
    "recall",
    "track",
    "find",
    "queue",
    "dead",
    "stats",
    "agency",
    "directory",
    "inbox",
    "quarantine",
    "legal",
    "purge",
    "receipts",
    "reconcile",
    "export",
    "bundle",
    "journal",
    "timestamps",
    "evidence",
    "topology",
    "verify",
    "report",
    "inspect",
    "lint",
    "extract",
    "codes",
    "contract",
    "keys",
)
# These read files, no node; no module that they load has a log.
OFFLINE = ("verify", "inspect", "lint", "extract", "codes", "contract")


def build(asked: str) -> typer.Typer:
    """The command, in the language spoken.

    Args:
        asked: what stands after the options of `_root`. One of `NOUNS` is loaded alone, since the
            others would take most of the time of a short command; for anything else, all are.
    """
    app = new_group(
        say(
            "Trao đổi văn bản điện tử có chữ ký số qua trục liên thông.",
            "Exchange signed official documents over an interprovincial axis.",
        )
    )
    app.callback(invoke_without_command=True)(_root)
    for noun in (asked,) if asked in NOUNS else NOUNS:
        importlib.import_module(f"{__package__}.{noun}").register(app)
    return app


def new_group(help_text: str) -> typer.Typer:
    """A group of commands whose help ends with the exit codes."""
    return typer.Typer(
        help=help_text,
        epilog=exits.epilog(),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar=say("TỆP", "FILE"),
            help=say(
                f"tệp cấu hình (DOCEXCHANGE_CONFIG, {', '.join(PLACES)})",
                f"config file (DOCEXCHANGE_CONFIG, {', '.join(PLACES)})",
            ),
        ),
    ] = None,
    lang: Annotated[
        str,
        typer.Option(
            "--lang",
            metavar="vi|en",
            help=say(
                "ngôn ngữ (DOCEXCHANGE_LANG, LC_MESSAGES)",
                "language (DOCEXCHANGE_LANG, LC_MESSAGES)",
            ),
        ),
    ] = "",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help=say("nói thêm chi tiết", "say more"))
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help=say("in phiên bản", "print the version"))
    ] = False,
) -> None:
    if lang not in ("", "vi", "en"):
        raise typer.BadParameter("vi | en", param_hint="--lang")
    configure(config, verbose=verbose, logs=context.invoked_subcommand not in OFFLINE)
    if version:
        out(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        out(context.get_help())
        raise typer.Exit(exits.Exit.USAGE)
