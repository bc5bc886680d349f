"""The committed description of the API is the one that the code serves."""

from pathlib import Path

import pytest
from tests.support.https_lab import HttpsLab

from doorward.authority.http.openapi import openapi_document

SNAPSHOT = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_openapi_snapshot_is_what_the_routes_say() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == openapi_document(), (
        "the API changed: run `python -m doorward.authority.http.openapi > docs/openapi.json` and review the difference"
    )


def test_every_failure_is_described_as_a_problem_document() -> None:
    assert '"application/problem+json"' in openapi_document()


async def test_description_is_served_as_json(https: HttpsLab) -> None:
    answer = await https.people().get("/v1/openapi/openapi.json")
    assert (answer.status, answer.json["info"]["title"]) == (200, "Doorward")


@pytest.mark.parametrize("page", ["", "/", "/swagger", "/redoc", "/scalar", "/elements", "/rapidoc"])
async def test_no_page_with_scripts_is_served(https: HttpsLab, page: str) -> None:
    answer = await https.people().get(f"/v1/openapi{page}")
    assert b"<script" not in answer.body
    assert answer.status == 404 or answer.json["info"]["title"] == "Doorward"
