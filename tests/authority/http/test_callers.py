"""Who is calling: known from the certificate of the connection, looked up at each call."""

import asyncio
import os
import ssl
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.authority_lab import LabSignIn
from tests.support.https_lab import PEOPLE, Client, HttpsLab, Shown, keep_sign_in, pem_of
from tests.support.x509_values import gateway_leaf, intermediate, server_leaf, spki, user_leaf

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import GatewayId, InstallationId, SignInId, new_id
from doorward.domain.certificates.x509_check import to_pem
from doorward.domain.certificates.x509_names import X509Kind
from doorward.domain.identity.sign_in import SignInEnd


async def shut_out(client: Client, path: str = "/v1/status") -> None:
    """TLS itself refuses: no request is answered."""
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        await client.get(path)


async def not_signed_in(client: Client, path: str = "/v1/status") -> str:
    answer = await client.get(path)
    assert (answer.status, answer.json["kind"], answer.json["status"]) == (401, "refused", 401)
    assert answer.headers["www-authenticate"]
    return answer.code


async def made_by_hand(
    https: HttpsLab, who: LabSignIn, *, hours: float = 0, seed: int = 0, installation_id: InstallationId | None = None
) -> Shown:
    """A user certificate like bob's own, issued some hours ago, or by somebody else."""
    key = Ed25519PrivateKey.generate()
    leaf = user_leaf(
        spki(key),
        who.caller.user_id,
        who.caller.sign_in_id,
        https.lab.clock.now() - timedelta(hours=hours),
        seed=seed,
        installation_id=installation_id or https.lab.services.installation_id,
    )
    return Shown(key, pem_of(leaf) + pem_of(intermediate(X509Kind.USER, seed).certificate))


async def test_user_is_known_by_the_certificate(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    answer = await https.people(bob).get("/v1/status")
    assert (answer.status, answer.json["user_name"], answer.json["sign_in_id"]) == (200, "bob", bob.row.id)


async def test_certificate_made_by_hand_is_as_good(https: HttpsLab) -> None:
    """So that the refusals below are refused for what they change, and for nothing else."""
    bob = await https.lab.signed_in("bob")
    assert (await https.people(await made_by_hand(https, bob)).get("/v1/status")).status == 200


async def test_no_certificate_reaches_what_is_open_only(https: HttpsLab) -> None:
    assert (await https.people().get("/v1/trust")).json["pin"] == https.lab.services.keys.pin
    assert await not_signed_in(https.people()) == "not_signed_in"


async def test_gateway_is_shut_out_where_people_come_in(https: HttpsLab) -> None:
    await shut_out(https.people(await https.gateway()))


async def test_people_are_shut_out_where_gateways_come_in(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    await shut_out(https.gateways(bob), "/v1/gateway/trust")
    await shut_out(https.gateways(), "/v1/gateway/trust")


async def test_gateway_is_known_by_its_certificate(https: HttpsLab) -> None:
    answer = await https.gateways(await https.gateway()).get("/v1/gateway/trust")
    assert answer.json["gateway_id"] == https.lab.gateway.gateway_id


async def test_gateway_that_never_joined_is_refused(https: HttpsLab) -> None:
    key = Ed25519PrivateKey.generate()
    leaf = gateway_leaf(spki(key), GatewayId("b" * 26), https.lab.clock.now())
    stranger = Shown(key, pem_of(leaf) + pem_of(intermediate(X509Kind.GATEWAY).certificate))
    assert await not_signed_in(https.gateways(stranger), "/v1/gateway/trust") == "not_signed_in"


async def test_authoritys_own_certificate_is_no_callers(https: HttpsLab) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = server_leaf(spki(key), [PEOPLE], https.lab.clock.now())
    shown = Shown(key, pem_of(leaf) + to_pem(https.lab.services.keys.x509_authority[0]))
    await shut_out(https.people(shown))


async def test_another_installations_certificate_is_shut_out(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    await shut_out(https.people(await made_by_hand(https, bob, seed=1)))


async def test_certificate_that_names_another_installation_is_refused(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    other = InstallationId(new_id(SeededEntropy(8)))
    shown = await made_by_hand(https, bob, installation_id=other)
    assert await not_signed_in(https.people(shown)) == "not_signed_in"


async def test_expired_certificate_is_shut_out(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    await shut_out(https.people(await made_by_hand(https, bob, hours=9)))


async def test_ended_sign_in_is_refused_at_the_next_call(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    client = https.people(bob)
    assert (await client.get("/v1/status")).status == 200
    await https.lab.store.write(lambda tx: tx.sign_ins.end(bob.row.id, SignInEnd.REVOKED, tx.now))
    assert await not_signed_in(client) == "not_signed_in"


async def test_expired_sign_in_is_refused_by_our_own_clock(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    assert (await https.people(bob).get("/v1/status")).status == 200
    https.lab.advance(hours=8)
    assert await not_signed_in(https.people(bob)) == "not_signed_in"


async def test_sign_in_of_another_user_is_refused(https: HttpsLab) -> None:
    bob, carol = await https.lab.signed_in("bob"), await https.lab.signed_in("carol")
    key = Ed25519PrivateKey.generate()
    leaf = user_leaf(spki(key), carol.caller.user_id, bob.caller.sign_in_id, https.lab.clock.now())
    shown = Shown(key, pem_of(leaf) + pem_of(intermediate(X509Kind.USER).certificate))
    assert await not_signed_in(https.people(shown)) == "not_signed_in"
    leaf = user_leaf(spki(key), carol.caller.user_id, SignInId("a" * 26), https.lab.clock.now())
    shown = Shown(key, pem_of(leaf) + pem_of(intermediate(X509Kind.USER).certificate))
    assert await not_signed_in(https.people(shown)) == "not_signed_in"


@pytest.mark.parametrize(
    "text",
    [
        "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true}\n",
        "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n",
        "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {role: reviewer}}\n",
    ],
)
async def test_disabled_or_locked_user_is_refused_at_the_next_call(https: HttpsLab, text: str) -> None:
    bob = await https.lab.signed_in("bob", "reviewer")
    client = https.people(bob)
    assert (await client.get("/v1/status")).status == 200
    await https.lab.declare(text)
    assert await not_signed_in(client) == "shut_out"


async def test_lock_on_one_sign_in_refuses_that_one_alone(https: HttpsLab) -> None:
    bob = await https.lab.signed_in("bob")
    other = await https.lab.sign_in("bob", bob.caller.user_id)
    lock = "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {sign_in: %s}}\n"
    await https.lab.declare(lock % bob.caller.sign_in_id)
    assert await not_signed_in(https.people(bob)) == "shut_out"
    assert (await https.people(other).get("/v1/status")).status == 200


async def test_one_connection_is_looked_at_anew_for_each_call(https: HttpsLab) -> None:
    """Keep-alive: the second request of a connection meets what happened since the first."""
    bob = await https.lab.signed_in("bob")
    client = https.people(bob)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", client.port, ssl=client.context(), server_hostname=PEOPLE
    )
    statuses = []
    for _ in range(2):
        writer.write(f"GET /v1/status HTTP/1.1\r\nhost: {PEOPLE}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        statuses.append(int(head.split()[1]))
        await https.lab.store.write(lambda tx: tx.sign_ins.end(bob.row.id, SignInEnd.REVOKED, tx.now))
    writer.transport.abort()
    assert statuses == [200, 401]


async def test_old_tls_is_shut_out(https: HttpsLab) -> None:
    client = https.people()
    context = client.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", client.port, ssl=context, server_hostname=PEOPLE)


async def dw(home: Path, *arguments: str) -> tuple[int | None, str]:
    """The real command, with its sign-in in `home`: its exit code, and what it says of what went wrong."""
    command = Path(sys.executable).with_name("dw")
    environment = {**os.environ, "DOORWARD_HOME": str(home)}
    done = await asyncio.create_subprocess_exec(
        command, *arguments, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await done.communicate()
    return done.returncode, said.decode()


async def test_command_line_tells_an_ended_sign_in_by_its_exit_code(https: HttpsLab, tmp_path: Path) -> None:
    bob = await https.lab.signed_in("bob")
    keep_sign_in(https, bob, tmp_path)
    assert await dw(tmp_path, "status") == (0, "")
    assert (await dw(tmp_path, "get", "user"))[0] == 3  # known, and not allowed
    await https.lab.store.write(lambda tx: tx.sign_ins.end(bob.row.id, SignInEnd.REVOKED, tx.now))
    assert await dw(tmp_path, "status") == (4, "dw: your sign-in is over; run dw login\n")


async def test_command_line_does_not_send_a_locked_user_to_sign_in_again(https: HttpsLab, tmp_path: Path) -> None:
    keep_sign_in(https, await https.lab.signed_in("bob"), tmp_path)
    await https.lab.declare(
        "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}, message: call carol}\n"
    )
    assert await dw(tmp_path, "ls") == (4, "dw: your access is locked: call carol; ask an administrator\n")
