"""Sources that are claimed ahead of TLS: whose claim is believed, on the authority's real listener."""

import ssl

import pytest
from tests.support.https_lab import Client, HttpsLab

from doorward.authority.operations.gateways import disable_gateway
from doorward.base.ids import GatewayId
from doorward.wire.proxy_protocol.header import Endpoint, encode_proven_header

SOURCE = "192.0.2.77"


def claim(https: HttpsLab, gateway_id: GatewayId | None = None) -> bytes:
    lab = https.lab
    key = lab.services.splice_keys.of(gateway_id or lab.gateway.gateway_id, lab.clock.now())
    return encode_proven_header(Endpoint(SOURCE, 51_000), Endpoint("127.0.0.1", 3443), key.key, key.name)


def with_ahead(client: Client, ahead: bytes) -> Client:
    client.ahead = ahead
    return client


async def is_closed(client: Client, path: str = "/v1/trust") -> None:
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        await client.get(path)


def sources(https: HttpsLab) -> list[str]:
    return [one.source for one in https.lab.services.throttle.take_summaries(everything=True)]


async def wrong_code(client: Client) -> None:
    answer = await client.post("/v1/enrolments/begin", {"code": "wrong"})
    assert answer.status >= 400, answer.body


async def test_who_is_passed_on_is_who_the_gateway_says(https: HttpsLab) -> None:
    await wrong_code(with_ahead(https.people(), claim(https)))
    assert sources(https) == [SOURCE]
    await wrong_code(https.people())
    assert sources(https) == ["127.0.0.1"]


async def test_a_gateway_that_was_sent_away_claims_no_source(https: HttpsLab) -> None:
    ada = (await https.lab.signed_in("ada", "admin")).caller
    assert (await with_ahead(https.people(), claim(https)).get("/v1/trust")).status == 200
    await disable_gateway(https.lab.services, ada, "gw")
    await is_closed(with_ahead(https.people(), claim(https)))
    assert (await https.people().get("/v1/trust")).status == 200


async def test_who_shows_a_gateways_certificate_takes_no_claimed_source(https: HttpsLab) -> None:
    """Not even one that a gateway in service proves: a gateway speaks for itself."""
    shown = await https.gateway()
    assert (await https.gateways(shown).get("/v1/gateway/trust")).status == 200
    await is_closed(with_ahead(https.gateways(shown), claim(https)), "/v1/gateway/trust")
    # Under the people's name a gateway's certificate does not finish the handshake, claimed source or not.
    for ahead in (b"", claim(https)):
        await is_closed(with_ahead(https.people(shown), ahead), "/v1/gateway/trust")
