"""The device flow with the certified provider: off unless enabled, typed by a person, asked at the provider's pace."""

from collections.abc import AsyncIterator, Iterator

import pytest
from cryptography.x509 import load_pem_x509_certificate
from tests.support.authority_lab import PEER
from tests.support.oidc_lab import CONNECTOR, SECRET_NAME, OidcLab, open_oidc_lab
from tests.support.oidc_provider.browser import Browser
from tests.support.oidc_provider.running import CLIENT_SECRET, RunningProvider

from doorward.api.bodies.oidc import BeginOidcDevice, CompleteOidc, OidcDeviceBegun, OidcDevicePolled, PollOidcDevice
from doorward.authority.operations.oidc_complete import complete
from doorward.authority.operations.oidc_device import DeviceFlowOff, begin_device, poll_device
from doorward.authority.operations.oidc_flows import FlowRefused
from doorward.cli.client_keys import new_client_keys
from doorward.domain.certificates.principals import is_typed
from doorward.domain.certificates.x509_names import identity_of
from doorward.domain.identity.oidc_flow import OidcFlow
from doorward.wire.ssh.certificate import parse_certificate
from doorward.wire.ssh.public_key import parse_public_key_line


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningProvider]:
    with RunningProvider() as running:
        running.account("u1", preferred_username="bob", groups=["engineers"])
        yield running


@pytest.fixture
async def lab(provider: RunningProvider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OidcLab]:
    monkeypatch.setenv(SECRET_NAME, CLIENT_SECRET)
    async with open_oidc_lab(provider.issuer) as opened:
        await opened.connector(device_flow=True)
        yield opened


@pytest.fixture
def bob() -> Iterator[Browser]:
    someone = Browser("u1")
    yield someone
    someone.close()


async def begun_in(lab: OidcLab) -> OidcDeviceBegun:
    return await begin_device(lab.lab.services, PEER, BeginOidcDevice(CONNECTOR, new_client_keys().public(), "server"))


async def polled_in(lab: OidcLab, begun: OidcDeviceBegun, secret: str | None = None) -> OidcDevicePolled:
    return await poll_device(lab.lab.services, PEER, PollOidcDevice(begun.flow, secret or begun.secret))


async def flow_of(lab: OidcLab, begun: OidcDeviceBegun) -> OidcFlow:
    found = await lab.lab.read(lambda tx: tx.oidc_flows.get(begun.flow))
    assert found is not None
    return found


async def test_it_is_off_unless_the_connector_enables_it(lab: OidcLab) -> None:
    begun = await begun_in(lab)
    await lab.connector()
    with pytest.raises(DeviceFlowOff):
        await begun_in(lab)
    with pytest.raises(DeviceFlowOff):  # what was begun before is over too
        await polled_in(lab, begun)


async def test_a_typed_code_signs_in_and_the_sign_in_says_by_which_way(lab: OidcLab, bob: Browser) -> None:
    begun = await begun_in(lab)
    assert begun.source == PEER.source
    lab.lab.advance(seconds=begun.interval_seconds)
    assert (await polled_in(lab, begun)).signed_in is None
    bob.type_code(begun.verification_uri, begun.user_code)
    lab.lab.advance(seconds=begun.interval_seconds)
    signed_in = (await polled_in(lab, begun)).signed_in
    assert signed_in is not None
    row = await lab.row(signed_in)
    assert (signed_in.user_name, row.method, row.client) == ("bob", "oidc+device", "server")
    (event,) = await lab.lab.events("user.signed_in")
    assert event.fields["method"] == "oidc+device"
    assert is_typed(event.fields["ssh_key_id"])
    assert is_typed(parse_certificate(parse_public_key_line(signed_in.ssh_certificate)).fields.key_id)
    assert identity_of(load_pem_x509_certificate(signed_in.x509_chain_pem.encode())).typed_code
    lab.lab.advance(seconds=begun.interval_seconds)
    with pytest.raises(FlowRefused):  # once
        await polled_in(lab, begun)


async def test_the_code_is_to_be_typed_and_no_address_holds_it(lab: OidcLab) -> None:
    begun = await begun_in(lab)
    assert begun.user_code not in begun.verification_uri


async def test_who_asks_too_early_is_told_to_wait_and_the_provider_is_not_asked(lab: OidcLab, bob: Browser) -> None:
    begun = await begun_in(lab)
    bob.type_code(begun.verification_uri, begun.user_code)
    assert await polled_in(lab, begun) == OidcDevicePolled(begun.interval_seconds)
    lab.lab.advance(seconds=begun.interval_seconds)
    assert (await polled_in(lab, begun)).signed_in is not None


async def test_a_secret_that_is_not_of_the_flow_learns_nothing(lab: OidcLab) -> None:
    begun, other = await begun_in(lab), await begun_in(lab)
    for secret in (other.secret, "", "x" * 43):
        with pytest.raises(FlowRefused):
            await polled_in(lab, begun, secret or "y")


async def test_a_flow_ends_when_its_time_is_over(lab: OidcLab) -> None:
    begun = await begun_in(lab)
    lab.lab.advance(seconds=61)
    with pytest.raises(FlowRefused):
        await polled_in(lab, begun)


async def test_the_providers_code_lies_sealed_and_no_secret_lies_in_plain(lab: OidcLab) -> None:
    begun = await begun_in(lab)
    flow = await flow_of(lab, begun)
    assert len(flow.sealed) > 40
    assert begun.secret.encode() not in flow.sealed + flow.secret_hash


async def test_a_device_flow_is_not_completed_as_one_of_a_browser(lab: OidcLab) -> None:
    begun = await begun_in(lab)
    with pytest.raises(FlowRefused):
        await complete(lab.lab.services, PEER, CompleteOidc(begun.flow, begun.secret, "code", "v" * 43))
