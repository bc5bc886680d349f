"""Every failure is a problem document that says what its reader may know, and nothing of our insides."""

import json
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.testing import TestClient
from tests.support.authority_lab import OPS, LabSignIn
from tests.support.https_lab import Client, HttpsLab

from doorward.api.problem import KINDS, MEDIA_TYPE
from doorward.authority.http.access import ACCESS, Access
from doorward.authority.http.app import BODY_BYTES_MAX, OPEN_BODY_BYTES_MAX
from doorward.authority.http.needs import NEEDS
from doorward.authority.http.problems import STATUS, http_error, known_error, unknown_error
from doorward.base.errors import Conflict, DoorwardError, Invalid, Missing, Refused, Unavailable
from doorward.domain.kinds.positioned import InvalidDocuments, Problem

SECRET = "postgresql://doorward:hunter2@db.internal/prod"


def app_that_raises(error: Exception) -> Litestar:
    @get("/", opt={ACCESS: Access.OPEN})
    async def fail() -> None:
        raise error

    return Litestar(
        [fail],
        exception_handlers={DoorwardError: known_error, HTTPException: http_error, Exception: unknown_error},
        state=State({}),
        openapi_config=None,
    )


def answer_to(error: Exception) -> tuple[int, dict[str, Any], str]:
    with TestClient(app_that_raises(error), raise_server_exceptions=False) as client:
        answer = client.get("/")
    assert answer.headers["content-type"] == MEDIA_TYPE
    return answer.status_code, answer.json(), answer.text


@pytest.mark.parametrize("error", [Invalid, Missing, Refused, Conflict, Unavailable])
def test_each_kind_has_its_status_and_keeps_its_code(error: type[DoorwardError]) -> None:
    class Special(error):  # type: ignore[valid-type,misc]
        code = "very_special"

    status, problem, _ = answer_to(Special("doing something: it did not work"))
    kind = next(name for name, found in KINDS.items() if found is error)
    assert status == problem["status"] == STATUS[kind]
    assert (problem["kind"], problem["code"]) == (kind, "very_special")
    assert problem["type"] == "urn:doorward:problem:very_special"
    assert problem["detail"] == "doing something: it did not work"


def test_kinds_have_statuses_of_their_own() -> None:
    assert set(STATUS) == set(KINDS)
    assert len(set(STATUS.values())) == len(STATUS)


def test_cause_of_an_error_is_not_told() -> None:
    error = Unavailable("using the store: it does not answer")
    error.__cause__ = OSError(SECRET)
    assert "hunter2" not in answer_to(error)[2]


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), RuntimeError(SECRET), AssertionError(SECRET)])
def test_fault_of_ours_tells_a_number_and_nothing_else(error: Exception) -> None:
    status, problem, text = answer_to(error)
    assert (status, problem["code"], problem["kind"]) == (500, "internal", "unavailable")
    assert "hunter2" not in text
    assert "Traceback" not in text
    assert type(error).__name__ not in text


def test_fault_of_ours_is_in_the_log_under_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    _, problem, _ = answer_to(ValueError("the reason"))
    number = problem["detail"].split("look for ")[1].split()[0]
    shown = capsys.readouterr()
    assert number in shown.out + shown.err


def test_problems_of_documents_are_told_with_their_places() -> None:
    error = InvalidDocuments([Problem("a.yaml", 3, "spec.allow", "is wrong"), Problem("b.yaml", 7, "kind", "is odd")])
    _, problem, _ = answer_to(error)
    assert [(one["file"], one["line"], one["field"]) for one in problem["errors"]] == [
        ("a.yaml", 3, "spec.allow"),
        ("b.yaml", 7, "kind"),
    ]


def test_long_detail_of_the_framework_is_cut() -> None:
    _, problem, _ = answer_to(HTTPException(status_code=400, detail="x" * 10_000))
    assert len(problem["detail"]) <= 512


def test_framework_errors_of_the_server_tell_nothing() -> None:
    status, problem, text = answer_to(HTTPException(status_code=500, detail=SECRET))
    assert status == 500
    assert "hunter2" not in text
    assert "detail" not in problem


@pytest.fixture
async def admin(https: HttpsLab) -> LabSignIn:
    return await https.lab.signed_in("ada", "admin", "auditor")


@pytest.fixture
def client(https: HttpsLab, admin: LabSignIn) -> Client:
    return https.people(admin)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"node": "a"}',
        b'{"node": 1, "login": "b"}',
        b'{"node": "a", "login": "b", "surprise": 1}',
        b'{"node": "a", "login": "b", "user": []}',
        b'{"node": "' + b"x" * 256 + b'", "login": "b"}',
        b'{"node": "\xff", "login": "b"}',
        b'{"node": "\\ud800", "login": "b"}',
        b"[" * 100_000,
        b'{"node": ' * 2000,
    ],
)
async def test_wrong_body_is_a_wrong_input(client: Client, body: bytes) -> None:
    answer = await client.ask("POST", "/v1/explain", body)
    assert (answer.status, answer.json["kind"]) == (400, "invalid")


async def test_unknown_field_is_named_not_ignored(client: Client) -> None:
    answer = await client.post("/v1/resources", {"files": [{"name": "a", "text": ""}], "dry_rum": True})
    assert answer.status == 400
    assert (await client.post("/v1/resources", {"files": []})).status == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/msgpack"])
async def test_body_of_another_type_is_never_a_fault_of_ours(client: Client, content_type: str) -> None:
    answer = await client.ask("POST", "/v1/explain", b"\x82\xa4node\xa1a", headers={"content-type": content_type})
    assert answer.status in {400, 415}


async def test_body_that_is_too_long_is_refused_before_it_is_read(client: Client) -> None:
    answer = await client.ask("POST", "/v1/resources", b" " * (BODY_BYTES_MAX + 1))
    assert answer.status == 413
    assert answer.json["kind"] == "invalid"


async def test_strangers_may_send_little(https: HttpsLab) -> None:
    """Each call that anybody may make; by length, and chunked, counted as it comes."""
    stranger = https.people()
    for method, path in (route for route, needs in NEEDS.items() if needs.guard is Access.OPEN and route[0] == "POST"):
        answer = await stranger.ask(method, path.replace("{connector}", "x"), b" " * (OPEN_BODY_BYTES_MAX + 1))
        assert answer.status == 413, path
    half = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    headers = {"transfer-encoding": "chunked", "content-length": ""}
    answer = await stranger.ask("POST", "/v1/sign-ins", half * 3 + b"0\r\n\r\n", headers=headers)
    assert answer.status in {400, 413}


async def test_body_that_is_longer_than_it_says_is_refused(client: Client) -> None:
    """Chunked, without a length: counted as it comes."""
    body = b"".join(b"100000\r\n" + b" " * 0x100000 + b"\r\n" for _ in range(9)) + b"0\r\n\r\n"
    headers = {"transfer-encoding": "chunked", "content-length": ""}
    try:
        answer = await client.ask("POST", "/v1/resources", body, headers=headers)
    except (ConnectionError, EOFError):
        return  # cut off while it was still sending
    assert answer.status in {400, 413}


async def test_gateways_chunk_has_a_limit_of_its_own(https: HttpsLab) -> None:
    gateway = https.gateways(await https.gateway())
    answer = await gateway.ask("PUT", f"/v1/gateway/recordings/{'a' * 26}?offset=0", b"x" * (2 * 1024 * 1024 + 1))
    assert (answer.status, answer.json["kind"]) == (400, "invalid")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/sessions?limit=many",
        "/v1/sessions?live=perhaps",
        "/v1/audit?since=never",
        "/v1/sessions/short",
        "/v1/recordings/short",
        "/v1/recordings/" + "a" * 26 + "/content?purpose=fun",
    ],
)
async def test_wrong_query_is_a_wrong_input(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.json["kind"]) == (400, "invalid")


@pytest.mark.parametrize("after", ["-1", str(2**70), "x"])
async def test_watch_after_any_epoch_is_answered_or_refused(https: HttpsLab, after: str) -> None:
    gateway = https.gateways(await https.gateway())
    answer = await gateway.ask("GET", f"/v1/gateway/watch?after={after}", stream=True)
    assert answer.status in {200, 400}
    if answer.status == 200:
        assert json.loads(answer.body)["epoch"] == 0


async def test_problem_of_an_apply_names_file_line_and_field(client: Client) -> None:
    text = OPS.replace("logins", "login")
    answer = await client.post("/v1/resources", {"files": [{"name": "ops.yaml", "text": text}]})
    assert answer.code == "invalid_documents"
    assert answer.json["errors"][0]["file"] == "ops.yaml"
    assert answer.json["errors"][0]["line"] == 5


async def test_fault_of_ours_on_the_wire_tells_nothing(
    https: HttpsLab, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr("doorward.authority.operations.sign_in._status", broken)
    answer = await client.get("/v1/status")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"hunter2" not in answer.body


async def test_answers_carry_no_banner(client: Client) -> None:
    answer = await client.get("/v1/status")
    assert "server" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
