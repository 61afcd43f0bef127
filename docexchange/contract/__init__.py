"""The contract with mailrooms: one AsyncAPI 3.0 document, `asyncapi.yaml`, shipped in the package.

It is data: nothing of the daemon reads it. The tests hold the daemon to it.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

FILE: Final = "asyncapi.yaml"


def asyncapi_text() -> str:
    """The document as it was written, YAML."""
    return resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")


def asyncapi() -> dict[str, Any]:
    """The document as values."""
    import yaml

    document: dict[str, Any] = yaml.safe_load(asyncapi_text())
    return document


def schema_names() -> tuple[str, ...]:
    """Names of the schemas in it, as Submission and Problem."""
    return tuple(asyncapi()["components"]["schemas"])


def schema(name: str) -> dict[str, Any]:
    """One schema as a JSON Schema (draft 7) that stands alone, those it refers to in `definitions`.

    Raises:
        KeyError: no such schema.
    """
    return standing_alone(asyncapi(), asyncapi()["components"]["schemas"][name])


def standing_alone(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of a document with everything that its references name."""
    schemas = document["components"]["schemas"]
    definitions: dict[str, Any] = {}
    waiting = [part]
    while waiting:
        for name in _names(waiting.pop()):
            if name not in definitions:
                definitions[name] = schemas[name]
                waiting.append(schemas[name])
    named = {"$schema": "http://json-schema.org/draft-07/schema#", **_moved(part)}
    if definitions:
        named["definitions"] = {name: _moved(one) for name, one in definitions.items()}
    return named


_FROM: Final = "#/components/schemas/"
_TO: Final = "#/definitions/"


def _names(value: Any) -> list[str]:
    """The schemas that a value refers to."""
    if isinstance(value, dict):
        found = value.get("$ref", "")
        here = [found.removeprefix(_FROM)] if found.startswith(_FROM) else []
        return here + [name for one in value.values() for name in _names(one)]
    return [name for one in value for name in _names(one)] if isinstance(value, list) else []


def _moved(value: Any) -> Any:
    """The value with its references pointing into `definitions`."""
    if isinstance(value, dict):
        return {
            key: one.replace(_FROM, _TO) if key == "$ref" else _moved(one)
            for key, one in value.items()
        }
    return [_moved(one) for one in value] if isinstance(value, list) else value
