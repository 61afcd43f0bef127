"""`contract`: what a mailroom's program is written against."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from . import options, show
from .words import say


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from .commands import new_group

    group = new_group(
        say(
            "Hợp đồng với phần mềm văn thư: kênh, tin, trường, mã lỗi.",
            "The contract with mailrooms: channels, messages, fields, problem codes.",
        )
    )
    group.command(
        "asyncapi",
        help=say(
            "In hợp đồng, AsyncAPI 3.0 (YAML; --json: JSON).",
            "Print the contract, AsyncAPI 3.0 (YAML; JSON with --json).",
        ),
    )(asyncapi)
    group.command(
        "schema",
        help=say(
            "In một JSON Schema của hợp đồng; không có TÊN: liệt kê.",
            "Print one JSON Schema of the contract; without NAME, list them.",
        ),
    )(schema)
    group.command(
        "problems",
        help=say(
            "Liệt kê các mã lỗi mà văn thư có thể nhận.",
            "List the problem codes that a mailroom can be answered with.",
        ),
    )(problems)
    app.add_typer(group, name="contract")


def asyncapi(as_json: options.Json = False) -> None:
    """Print the document; it is the same in every language."""
    from .. import contract

    if as_json:
        show.out(json.dumps(contract.asyncapi(), ensure_ascii=False, indent=2))
    else:
        show.out(contract.asyncapi_text().rstrip("\n"))


def schema(
    name: Annotated[str, typer.Argument(metavar=say("TÊN", "NAME"))] = "",
) -> None:
    """Print one schema, or their names."""
    from .. import contract

    names = contract.schema_names()
    if not name:
        show.out("\n".join(names))
    elif name in names:
        show.out(json.dumps(contract.schema(name), ensure_ascii=False, indent=2))
    else:
        known = ", ".join(names)
        raise typer.BadParameter(say(f"không có {name}; có {known}", f"no {name}; known: {known}"))


def problems(as_json: options.Json = False) -> None:
    """List the codes."""
    from ..core.problems import PROBLEMS

    if as_json:
        codes = {
            code: {"title": one.vi, "title_en": one.en, "retryable": one.again}
            for code, one in PROBLEMS.items()
        }
        show.emit("problems", {"problems": codes})
        return
    again = say("gửi lại được", "retryable")
    for code, one in PROBLEMS.items():
        show.out(f"{code}  {say(one.vi, one.en)}{f' ({again})' if one.again else ''}")
