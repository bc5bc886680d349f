"""The client of the user API: what it sends, what it believes of an answer, and where it stops reading."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ports import free_port
from tests.support.stub_authority import StubAuthority, pem, problem

from doorward.api.bodies.access import Explain
from doorward.api.bodies.resources import ResourceList
from doorward.api.calls import EXPLAIN, LIST_RESOURCES, RECORDING_CONTENT, STATUS
from doorward.api.client import user
from doorward.api.client.trust import pinned_context, public_context
from doorward.api.client.user import BadAnswer, UserClient, filled
from doorward.api.problem import RemoteConflict, RemoteProblem
from doorward.base.clock import ManualClock
from doorward.base.errors import Invalid, Unavailable


@pytest.fixture
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubAuthority]:
    """A running stub."""
    with StubAuthority(tmp_path_factory.mktemp("stub")) as running:
        yield running


@pytest.fixture
def client(stub: StubAuthority) -> Iterator[UserClient]:
    """A client that believes the stub."""
    with UserClient(stub.url, pinned_context(pem(stub.installation.root.certificate))) as connected:
        yield connected


def test_places_and_queries_reach_the_path(client: UserClient, stub: StubAuthority) -> None:
    stub.answers["GET /v1/resources/a%20b%2Fc"] = (200, ResourceList([]))
    client.call(LIST_RESOURCES, places={"kind": "a b/c"}, query={"x": "1&y=2"})
    assert stub.seen[-1].path == "/v1/resources/a%20b%2Fc?x=1%26y%3D2"


def test_a_body_of_another_call_is_our_own_mistake(client: UserClient, stub: StubAuthority) -> None:
    with pytest.raises(TypeError):
        client.call(STATUS, Explain("n", "l"))
    with pytest.raises(TypeError):
        client.call(EXPLAIN)
    assert stub.seen == []


def test_problems_are_raised_as_their_kind(client: UserClient, stub: StubAuthority) -> None:
    stub.answers["GET /v1/status"] = problem(409, "conflict", "it moved", code="moved")
    with pytest.raises(RemoteConflict) as raised:
        client.call(STATUS)
    assert raised.value.problem.code == "moved"


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"kind": "refused"}', b"null"])
def test_errors_without_a_problem_document_count_as_unavailable(
    client: UserClient, stub: StubAuthority, content: bytes
) -> None:
    stub.answers["GET /v1/status"] = (500, content)
    with pytest.raises(Unavailable) as raised:
        client.call(STATUS)
    assert isinstance(raised.value, RemoteProblem)


def test_redirects_are_not_followed(client: UserClient, stub: StubAuthority) -> None:
    stub.answers["GET /v1/status"] = (302, f"{stub.url}/v1/trust".encode())
    with pytest.raises(Unavailable):
        client.call(STATUS)
    assert [seen.path for seen in stub.seen] == ["/v1/status"]


def test_an_endless_answer_is_cut(client: UserClient, stub: StubAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "ANSWER_BYTES_MAX", 1000)
    stub.answers["GET /v1/status"] = (200, b" " * 1001)
    with pytest.raises(BadAnswer):
        client.call(STATUS)


def test_a_trickling_answer_has_a_deadline(stub: StubAuthority) -> None:
    class Racing(ManualClock):
        """A minute passes at each look."""

        def elapsed_seconds(self) -> float:
            now = super().elapsed_seconds()
            self._elapsed += user.CALL_SECONDS + 1
            return now

    context = pinned_context(pem(stub.installation.root.certificate))
    with UserClient(stub.url, context, clock=Racing()) as client, pytest.raises(Unavailable):
        client.call(STATUS)


def test_content_comes_in_pieces_and_is_not_decoded(client: UserClient, stub: StubAuthority) -> None:
    content = bytes(range(256)) * 4096
    stub.answers["GET /v1/recordings/s/content"] = (200, content)
    with client.content(RECORDING_CONTENT, places={"session_id": "s"}, query={"purpose": "play"}) as chunks:
        assert b"".join(chunks) == content


def test_problems_in_the_place_of_content_are_raised(client: UserClient, stub: StubAuthority) -> None:
    with pytest.raises(RemoteProblem), client.content(RECORDING_CONTENT, places={"session_id": "s"}):
        pass


def test_nobody_there_is_unavailable() -> None:
    with (
        UserClient(f"https://127.0.0.1:{free_port()}", public_context()) as client,
        pytest.raises(Unavailable),
    ):
        client.call(STATUS)


@given(name=st.text(min_size=1, max_size=60))
def test_a_name_stays_one_segment_of_the_path(name: str) -> None:
    try:
        path = filled("/v1/things/{name}/end", {"name": name})
    except Invalid:
        return
    assert path.isascii()
    assert path.count("/") == 4
    assert not {"?", "#", " "} & set(path)
    assert path not in {"/v1/things/./end", "/v1/things/../end"}


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 256, "\ud800"])
def test_names_that_could_change_the_path_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        filled("/v1/things/{name}", {"name": name})
