"""The shape of the whole: who may import whom, and what the pure rooms may not touch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("keys", "envelopes", "docexchange")

# Room -> rooms of ours that it may import; the longest matching name of a module is its room.
ALLOWED = {
    "keys": {"keys"},
    "envelopes": {"envelopes", "keys"},
    "docexchange.core": {"docexchange.core", "envelopes", "keys"},
    "docexchange.flow": {"docexchange.flow", "docexchange.core", "envelopes", "keys"},
    "docexchange.edges": {"docexchange.edges", "docexchange.core", "envelopes", "keys"},
    "docexchange.config": {
        *("docexchange.config_broker", "docexchange.config_evidence", "docexchange.core"),
        *("docexchange.edges", "envelopes", "keys"),
    },
    "docexchange.config_broker": {"docexchange.core", "docexchange.edges"},
    "docexchange.reporting": {"docexchange.core", "docexchange.reporting", "envelopes"},
    "docexchange.config_evidence": {"docexchange.core", "docexchange.edges", "keys"},
    "docexchange.log": {"docexchange.masking"},
    "docexchange.masking": set(),
    "docexchange.contract": set(),
    "docexchange.compose": {
        *("docexchange.config", "docexchange.core", "docexchange.crashpoints"),
        *("docexchange.edges", "keys"),
    },
    "docexchange.crashpoints": {"docexchange.core", "keys"},
    "docexchange.daemon": {
        *("docexchange.compose", "docexchange.config", "docexchange.core"),
        *("docexchange.crashpoints", "docexchange.edges", "docexchange.flow"),
    },
    "docexchange.demo": {
        *("docexchange.demo", "docexchange.core", "docexchange.edges", "envelopes", "keys"),
    },
    "docexchange.cli": {
        *("docexchange", "docexchange.cli", "docexchange.compose", "docexchange.config"),
        "docexchange.contract",
        *("docexchange.core", "docexchange.daemon", "docexchange.demo", "docexchange.edges"),
        *("docexchange.flow", "docexchange.log", "docexchange.masking"),
        *("docexchange.reporting", "envelopes", "keys"),
    },
    "docexchange.__main__": {"docexchange.cli"},
    "docexchange": set(),
}

# `keys` and `envelopes` cannot reach the world even by mistake.
WORLDLY = {
    *("asyncio", "socket", "ssl", "urllib", "http", "os", "pathlib", "io", "shutil", "tempfile"),
    *("subprocess", "threading", "random", "secrets", "time", "sqlite3", "sqlalchemy"),
    *("aio_pika", "aiormq", "structlog", "typer", "tenacity"),
}
CLOCKS = {"now", "today", "utcnow"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            yield name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = dict(modules())
IS_PACKAGE = {
    ".".join(path.parent.relative_to(ROOT).parts)
    for package in PACKAGES
    for path in (ROOT / package).rglob("__init__.py")
}


def imports(name: str, tree: ast.Module) -> Iterator[str]:
    """Full names of all modules imported anywhere in a module, relative ones resolved."""
    package = name if name in IS_PACKAGE else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES or inner in IS_PACKAGE else base


def room(name: str) -> str:
    fitting = [each for each in ALLOWED if name == each or name.startswith(f"{each}.")]
    return max(fitting, key=len)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_point_one_way(name: str) -> None:
    ours = {one for one in imports(name, MODULES[name]) if one.split(".")[0] in PACKAGES}
    wrong = {one for one in ours if room(one) not in {*ALLOWED[room(name)]}}
    assert not wrong, f"{name} may not import {sorted(wrong)}"


@pytest.mark.parametrize("name", [one for one in sorted(MODULES) if not one.startswith("docex")])
def test_keys_and_envelopes_know_no_world(name: str) -> None:
    used = {one.split(".")[0] for one in imports(name, MODULES[name])}
    assert not used & WORLDLY


@pytest.mark.parametrize(
    "name",
    [one for one in sorted(MODULES) if room(one) in ("keys", "envelopes", "docexchange.core")],
)
def test_the_rules_do_not_ask_for_the_time(name: str) -> None:
    calls = {
        node.func.attr
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & CLOCKS


def test_the_test_can_fail() -> None:
    tree = ast.parse("from ..edges import store\nimport os")
    assert set(imports("docexchange.flow.outbox", tree)) == {"docexchange.edges.store", "os"}
    assert room("docexchange.edges.store") not in ALLOWED["docexchange.flow"]


def test_no_room_is_called_utils() -> None:
    bad = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    assert not {part for name in MODULES for part in name.split(".")} & bad


def test_no_private_key_lies_in_the_tree() -> None:
    marker = b"-----BEGIN " + b"PRIVATE KEY"
    folders = [ROOT / name for name in (*PACKAGES, "tests", "deploy")]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files = [path for path in found if path.parent.name != "__pycache__"]  # this very constant
    assert files
    assert not [path for path in files if marker in path.read_bytes()]
