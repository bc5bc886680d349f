"""The committed description of the API is the one that the code serves."""

from pathlib import Path

from doorward.authority.http.openapi import openapi_document

SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_openapi_snapshot_is_what_the_routes_say() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == openapi_document(), (
        "the API changed: run `python -m doorward.authority.http.openapi > docs/openapi.json` and review the difference"
    )


def test_every_failure_is_described_as_a_problem_document() -> None:
    assert '"application/problem+json"' in openapi_document()
