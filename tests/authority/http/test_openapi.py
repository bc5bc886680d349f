"""The committed description of the API is the one that the code serves."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.https_lab import HttpsLab

from doorward.authority.http.access import Access
from doorward.authority.http.needs import NEEDS
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


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = json.loads(openapi_document())["paths"]
    return [(method, path, one) for path, methods in paths.items() for method, one in methods.items()]


def test_every_call_says_how_it_fails_and_what_certificate_it_wants() -> None:
    for method, path, one in operations():
        is_open = NEEDS[method.upper(), path].guard is Access.OPEN
        wanted = {"400", "403", "404", "405", "409", "413", "500", "503", *(() if is_open else ("401",))}
        assert wanted <= set(one["responses"]), (method, path)
        assert one.get("security", []) == ([] if is_open else [{"certificate": []}]), (method, path)
    assert json.loads(openapi_document())["components"]["securitySchemes"]["certificate"]["type"] == "mutualTLS"


def test_every_call_with_a_body_describes_it() -> None:
    without = {("post", "/v1/users/{name}/invitation"), ("post", "/v1/users/{name}/reset")}
    without |= {("post", "/v1/gateways/{name}/disable")}
    for method, path, one in operations():
        if method in {"post", "put"}:
            assert ("requestBody" in one) == ((method, path) not in without), (method, path)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/recordings/{session_id}/content", "application/octet-stream"),
        ("/v1/gateway/watch", "application/x-ndjson"),
    ],
)
def test_streams_are_described_as_what_they_are(path: str, media_type: str) -> None:
    (found,) = (one for method, place, one in operations() if (method, place) == ("get", path))
    assert list(found["responses"]["200"]["content"]) == [media_type]


def test_search_of_the_log_names_its_parameters() -> None:
    (found,) = (one for _, place, one in operations() if place == "/v1/audit")
    names = {one["name"] for one in found["parameters"]}
    assert names == {"since", "until", "user", "resource", "session", "type", "before", "limit"}
