"""`dw login` through a provider: what is sent, what is believed, and what is chosen without being named."""

import base64
import hashlib
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import Seen, StubAuthority, pem, problem

from doorward.api.bodies.oidc import OidcBegun, OidcConnectors, OidcDeviceBegun, OidcDevicePolled
from doorward.api.client.trust import pinned_context
from doorward.api.client.user import BadAnswer, UserClient
from doorward.cli import oidc_login
from doorward.cli.oidc_login import checked_address, chosen_connector

STATE = "s" * 43
SOON = (datetime.now(UTC) + timedelta(hours=5)).isoformat()  # a whole run of all tests may lie between
WORDS = ("--no-agent",)


@pytest.fixture
def provider(stub: StubAuthority, monkeypatch: pytest.MonkeyPatch) -> StubAuthority:
    """The stub with one connector, and a browser that comes back at once with the state that it was sent with."""
    keys: dict[str, Any] = {}

    def begin(seen: Seen) -> tuple[int, Any]:
        keys.update(seen.json["keys"])
        back = f"http://127.0.0.1:{seen.json['redirect_port']}/callback"
        return 200, OidcBegun("flow", STATE, f"https://id.example/auth?back={quote(back)}", SOON)

    def begin_device(seen: Seen) -> tuple[int, Any]:
        keys.update(seen.json["keys"])
        return 200, OidcDeviceBegun("flow", "secret", "ABCD-EFGH", "https://id.example/device", "192.0.2.7", 5, SOON)

    stub.answers |= {
        "GET /v1/oidc/connectors": (200, OidcConnectors(["corp"])),
        "POST /v1/oidc/begin": begin,
        "POST /v1/oidc/complete": lambda _: (200, stub.signed_in(keys)),
        "POST /v1/oidc/device/begin": begin_device,
        "POST /v1/oidc/device/poll": lambda _: (200, OidcDevicePolled(5, stub.signed_in(keys))),
    }
    browse(monkeypatch, f"code=c1&state={STATE}&iss=https%3A%2F%2Fid.example")
    return stub


def browse(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    def opened(url: str) -> bool:
        back = str(httpx2.URL(url).params["back"])
        httpx2.get(f"{back}?{query}", trust_env=False)
        return True

    monkeypatch.setattr(webbrowser, "open", opened)


def login(dw: CommandLine, stub: StubAuthority, *words: str) -> Any:
    return dw("login", stub.url, "--ca-pin", stub.pin, *WORDS, *words)


def test_the_browser_brings_the_code_and_the_verifier_goes_with_it(dw: CommandLine, provider: StubAuthority) -> None:
    done = login(dw, provider, "--connector", "corp")
    assert (done.exit_code, done.err) == (0, "")
    assert "https://id.example/auth" in done.out
    assert "signed in as alice until" in done.out
    (begun,), (completed,) = provider.asked("POST /v1/oidc/begin"), provider.asked("POST /v1/oidc/complete")
    said = completed.json
    assert {name: said[name] for name in ("flow", "state", "code", "iss")} == {
        "flow": "flow",
        "state": STATE,
        "code": "c1",
        "iss": "https://id.example",
    }
    digest = hashlib.sha256(said["code_verifier"].encode()).digest()
    assert begun.json["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert said["code_verifier"] not in begun.body.decode()


def test_each_sign_in_has_a_verifier_of_its_own(dw: CommandLine, provider: StubAuthority) -> None:
    for _ in range(2):
        assert login(dw, provider, "--connector", "corp").exit_code == 0
    assert len({seen.json["code_challenge"] for seen in provider.asked("POST /v1/oidc/begin")}) == 2


def test_the_only_connector_is_taken_without_being_named(dw: CommandLine, provider: StubAuthority) -> None:
    assert login(dw, provider).exit_code == 0
    assert provider.asked("POST /v1/oidc/begin")[0].json["connector"] == "corp"


def test_of_several_connectors_one_must_be_named(dw: CommandLine, provider: StubAuthority) -> None:
    provider.answers["GET /v1/oidc/connectors"] = (200, OidcConnectors(["corp", "part\x1bner"]))
    done = login(dw, provider)
    assert done.exit_code == 2
    assert "--connector: corp, part\\x1bner" in done.err
    assert provider.asked("POST /v1/oidc/begin") == []


@pytest.mark.parametrize("answer", [(200, OidcConnectors([])), problem(404, "missing", "no such call")])
def test_where_there_is_no_connector_none_is_taken(provider: StubAuthority, answer: Any) -> None:
    provider.answers["GET /v1/oidc/connectors"] = answer
    with UserClient(provider.url, pinned_context(pem(provider.installation.root.certificate))) as client:
        assert chosen_connector(client, None) is None


def test_who_says_a_name_or_brings_a_password_is_not_sent_to_a_provider(
    dw: CommandLine, provider: StubAuthority
) -> None:
    assert dw.login(provider, "--no-agent").exit_code == 0
    assert provider.asked("GET /v1/oidc/connectors") == []


def test_a_device_is_signed_in_with_a_code_and_says_from_where(
    dw: CommandLine, provider: StubAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = pretend_to_wait(monkeypatch)
    polls = iter([OidcDevicePolled(5), OidcDevicePolled(10)])
    last = provider.answers["POST /v1/oidc/device/poll"]
    assert callable(last)
    answer: Callable[[Seen], Any] = last
    provider.answers["POST /v1/oidc/device/poll"] = lambda seen: (
        (200, found) if (found := next(polls, None)) is not None else answer(seen)
    )
    done = login(dw, provider, "--device")
    assert (done.exit_code, done.err) == (0, "")
    assert "ABCD-EFGH" in done.out
    assert "started from 192.0.2.7" in done.out
    assert waited == [5, 5, 10]


def test_a_device_stops_asking_when_the_code_is_too_old(
    dw: CommandLine, provider: StubAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_to_wait(monkeypatch)
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    begun = OidcDeviceBegun("flow", "secret", "ABCD-EFGH", "https://id.example/device", "192.0.2.7", 5, past)
    provider.answers["POST /v1/oidc/device/begin"] = (200, begun)
    assert login(dw, provider, "--device").exit_code == 5
    assert provider.asked("POST /v1/oidc/device/poll") == []


def pretend_to_wait(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(oidc_login, "pause", waited.append)
    return waited


def test_a_device_flow_without_a_provider_is_a_mistake(dw: CommandLine, provider: StubAuthority) -> None:
    provider.answers["GET /v1/oidc/connectors"] = (200, OidcConnectors([]))
    assert login(dw, provider, "--device").exit_code == 1


@pytest.mark.parametrize("words", [("--code", "x"), ("--user", "alice")])
def test_words_that_do_not_go_together_are_refused(
    dw: CommandLine, provider: StubAuthority, words: tuple[str, str]
) -> None:
    assert login(dw, provider, "--connector", "corp", *words).exit_code == 1
    assert provider.seen == []


def test_a_provider_that_says_no_is_repeated_harmlessly(
    dw: CommandLine, provider: StubAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    browse(monkeypatch, f"error=access_denied&error_description=%1b%5b31mno&state={STATE}")
    done = login(dw, provider, "--connector", "corp")
    assert (done.exit_code, "\\x1b[31mno" in done.err) == (3, True)
    assert provider.asked("POST /v1/oidc/complete") == []


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://user@id.example/",
        "https:///x",
        "https://id.example/\x1b[2J",
        "https://id.example/ --flag",
        "https://id.ex\u202eample/",
        "-o https://id.example",
        "https://[/",
        "https://id.example/" + "x" * 5000,
    ],
)
def test_no_browser_is_sent_to_what_is_no_address(url: str) -> None:
    with pytest.raises(BadAnswer):
        checked_address(url)


@pytest.mark.parametrize("url", ["https://id.example/auth?x=y", "http://127.0.0.1:9/auth", "http://localhost/"])
def test_addresses_of_providers_are_taken(url: str) -> None:
    assert checked_address(url) == url
