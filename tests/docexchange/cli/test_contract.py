"""docexchange/cli/contract.py, and `run --echo`: what an integrator asks the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from docexchange import contract
from docexchange.cli import main
from docexchange.core.problems import PROBLEMS
from tests.office import build


def test_the_contract_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "asyncapi"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("asyncapi: 3.0.0\n")
    assert yaml.safe_load(printed) == contract.asyncapi()
    assert main(["contract", "asyncapi", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == contract.asyncapi()


def test_a_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "schema"]) == 0
    assert "Submission" in capsys.readouterr().out.splitlines()
    assert main(["contract", "schema", "Submission"]) == 0
    assert json.loads(capsys.readouterr().out) == contract.schema("Submission")
    assert main(["--lang", "en", "contract", "schema", "Nothing"]) == 2
    assert "no Nothing; known: OrganId" in capsys.readouterr().err


def test_the_problems_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "contract", "problems"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PROBLEMS)
    assert "E-BSY-002  Cannot take it now (retryable)" in lines
    assert main(["contract", "problems", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["schema"] == "docexchange/problems/v1"
    assert list(listed["problems"]) == list(PROBLEMS)


@pytest.mark.parametrize(
    ("echo", "says"), [("H01", "H01 is not served; H05"), ("H05=loud", "no variant loud; known")]
)
def test_an_echo_organ_must_be_ours_and_of_a_known_kind(
    tmp_path: Path, template: Path, capsys: pytest.CaptureFixture[str], echo: str, says: str
) -> None:
    office = build(tmp_path, template, capsys)
    ran = office.run("H05", "run", "--echo", echo)
    assert ran.code == 2
    assert says in ran.err
    office.theatre.close()
