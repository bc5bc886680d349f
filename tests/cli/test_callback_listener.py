"""The listener on loopback takes the one answer that brings the state, and nothing else."""

import socket
import threading
from collections.abc import Iterator

import httpx2
import pytest

from doorward.base.errors import Unavailable
from doorward.cli.callback_listener import REQUESTS_MAX, Callback, CallbackListener, ProviderSaidNo

STATE = "s" * 43


@pytest.fixture
def listener() -> Iterator[CallbackListener]:
    with CallbackListener() as opened:
        yield opened


class Visits:
    """What a browser does meanwhile, in a thread; `statuses` are the answers that it got."""

    def __init__(self, port: int, *targets: str, host: str = "") -> None:
        self.statuses: list[int] = []
        self.pages: list[httpx2.Response] = []
        self._port, self._targets, self._host = port, targets, host or f"127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for target in self._targets:
            url = f"http://127.0.0.1:{self._port}{target}"
            page = httpx2.get(url, headers={"host": self._host}, trust_env=False, timeout=10)
            self.pages.append(page)
            self.statuses.append(page.status_code)

    def done(self) -> list[int]:
        self._thread.join()
        return self.statuses


def test_the_answer_with_the_state_is_taken(listener: CallbackListener) -> None:
    visits = Visits(listener.port, f"/callback?code=c1&state={STATE}&iss=https%3A%2F%2Fid.example")
    assert listener.wait(STATE) == Callback("c1", "https://id.example")
    assert visits.done() == [200]
    headers = visits.pages[0].headers
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "c1" not in visits.pages[0].text


def test_everything_else_gets_nothing_and_waiting_goes_on(listener: CallbackListener) -> None:
    wrong = [
        "/",
        "/favicon.ico",
        "/callback",
        "/callback?code=evil",
        f"/callback?code=evil&state={STATE[:-1]}x",
        "/callback?code=evil&state=",
        f"/callback/?code=evil&state={STATE}",
        f"/callback?code=evil&code=c1&state={STATE}",
        "/callback?" + "&".join(f"f{number}=x" for number in range(20)) + f"&code=evil&state={STATE}",
    ]
    visits = Visits(listener.port, *wrong, f"/callback?code=c1&state={STATE}")
    assert listener.wait(STATE).code == "c1"
    assert visits.done() == [404] * len(wrong) + [200]


def test_a_page_that_came_by_another_name_is_not_answered(listener: CallbackListener) -> None:
    visits = Visits(listener.port, f"/callback?code=evil&state={STATE}", host="rebound.example")
    good = f"/callback?code=c1&state={STATE}"
    later = threading.Timer(0, lambda: (visits.done(), Visits(listener.port, good).done()))
    later.start()
    assert listener.wait(STATE).code == "c1"
    later.join()
    assert visits.statuses == [404]


@pytest.mark.parametrize(
    "query",
    ["error=access_denied", "error=x&code=c1", "code=", "error=x&error_description=%1b%5b31mno", "code=" + "c" * 5000],
)
def test_a_provider_that_says_no_is_heard(listener: CallbackListener, query: str) -> None:
    visits = Visits(listener.port, f"/callback?{query}&state={STATE}")
    with pytest.raises(ProviderSaidNo):
        listener.wait(STATE)
    assert visits.done() == [200]


def test_nobody_is_waited_for_without_end() -> None:
    with CallbackListener() as listener, pytest.raises(Unavailable, match="in time"):
        listener.wait(STATE, 0)


def test_somebody_who_calls_again_and_again_ends_the_waiting(listener: CallbackListener) -> None:
    visits = Visits(listener.port, *["/"] * REQUESTS_MAX)
    with pytest.raises(Unavailable, match="keeps calling"):
        listener.wait(STATE)
    assert visits.done() == [404] * REQUESTS_MAX


def test_it_listens_on_loopback_alone_and_is_gone_afterwards() -> None:
    with CallbackListener() as listener:
        port = listener.port
        assert listener._server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), 1):
        pass


def test_a_connection_that_breaks_is_no_answer(listener: CallbackListener) -> None:
    with socket.create_connection(("127.0.0.1", listener.port)) as broken:
        broken.sendall(b"GET /callback?code=evil")
    visits = Visits(listener.port, f"/callback?code=c1&state={STATE}")
    assert listener.wait(STATE).code == "c1"
    assert visits.done() == [200]
