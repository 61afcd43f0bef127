"""One self-contained HTML page: no script, nothing from outside, made to be printed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from .judged import COLUMNS, Judged
from .picture import custody


@cache
def template(name: str) -> Template:
    """A template of this room. Whatever a document says is escaped: `autoescape` knows no
    exception but our own pictures and style."""
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


@cache
def style() -> str:
    """The style of every page."""
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def html(judged: Judged, version: str) -> str:
    """The page of a verification.

    Args:
        judged: what it says.
        version: of this program, for the foot.
    """
    columns = [judged.say(*words) for words, _ in COLUMNS.values()]
    return template("page.html.j2").render(
        one=judged,
        say=judged.say,
        columns=columns,
        picture=Markup(custody(judged)),  # noqa: S704  # escaped where it is drawn
        style=Markup(style()),  # noqa: S704  # ours
        version=version,
    )
