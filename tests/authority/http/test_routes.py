"""Every route and every kind of caller: who is let to it follows from what the route declares, and nothing else."""

import json
import re
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler
from tests.support.authority_lab import OPS, open_lab
from tests.support.https_lab import Answer, Client, HttpsLab, open_https, present
from tests.support.proofs import open_as

from doorward.api import calls
from doorward.api.calls import Call
from doorward.authority.http.access import ACCESS, Access
from doorward.authority.http.app import api_routes, create_app
from doorward.authority.http.needs import KIND, NEEDS, When
from doorward.authority.ports import RecordingRow
from doorward.base.ids import SessionId
from doorward.domain.access.rights import RESOURCES, VERBS, Right

PLACE = "a" * 26
GATEWAY_CALLS = {
    ("GET", "/v1/gateway/trust"),
    ("POST", "/v1/gateway/faces"),
    ("POST", "/v1/gateway/sessions"),
    ("POST", "/v1/gateway/jumps"),
    ("POST", "/v1/gateway/sessions/{session_id}/report"),
    ("POST", "/v1/gateway/lease"),
    ("GET", "/v1/gateway/watch"),
    ("PUT", "/v1/gateway/recordings/{session_id}"),
    ("POST", "/v1/gateway/recordings/{session_id}/seal"),
    ("POST", "/v1/gateway/identity"),
}
OPEN_CALLS = {
    ("GET", "/v1/trust"),
    ("POST", "/v1/enrolments/begin"),
    ("POST", "/v1/enrolments/complete"),
    ("POST", "/v1/sign-ins"),
    ("POST", "/v1/enrol-node"),
    ("POST", "/v1/join-gateway"),
    ("GET", "/v1/oidc/connectors"),
    ("POST", "/v1/oidc/begin"),
    ("POST", "/v1/oidc/complete"),
    ("POST", "/v1/oidc/device/begin"),
    ("POST", "/v1/oidc/device/poll"),
    ("POST", "/v1/oidc/{connector}/backchannel-logout"),
}


async def routes() -> list[tuple[str, str, object]]:
    """Method, path with plain places, and what the route asks of its caller."""
    async with open_lab() as lab:
        found = []
        for route in api_routes(lab.services):
            assert isinstance(route, HTTPRouteHandler)
            (method,) = route.http_methods
            (path,) = route.paths
            found.append((str(method), re.sub(r"\{([a-z_]+):[a-z]+\}", r"{\1}", path), route.opt.get(ACCESS)))
        return found


async def test_every_route_is_in_the_table_and_says_what_it_says() -> None:
    assert {(method, path): access for method, path, access in await routes()} == {
        called: needs.guard for called, needs in NEEDS.items()
    }
    for needs in NEEDS.values():
        for right in (*needs.rights, *((needs.guard,) if isinstance(needs.guard, Right) else ())):
            assert right.resource in {*RESOURCES, KIND}
            assert right.verb in VERBS


async def test_route_that_says_nothing_or_something_else_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_lab() as lab:
        for access in (None, Access.GATEWAY):
            wrong = api_routes(lab.services)
            wrong[0].opt[ACCESS] = access
            monkeypatch.setattr("doorward.authority.http.app.api_routes", lambda _, wrong=wrong: wrong)
            with pytest.raises(AssertionError):
                create_app(lab.services)


async def test_list_of_what_gateways_may_call_is_closed() -> None:
    assert {(method, path) for method, path, access in await routes() if access is Access.GATEWAY} == GATEWAY_CALLS


async def test_list_of_what_strangers_may_call_is_closed() -> None:
    assert {(method, path) for method, path, access in await routes() if access is Access.OPEN} == OPEN_CALLS


async def test_every_call_of_the_client_is_a_route() -> None:
    served = {(method, path) for method, path, _ in await routes()}
    called = {(one.method, one.path) for one in vars(calls).values() if isinstance(one, Call)}
    assert called <= served
    unspoken = {(method, path) for method, path in served - called if "oidc" not in path}
    assert unspoken == GATEWAY_CALLS


async def answered(client: Client, method: str, path: str) -> Answer:
    place = re.sub(r"\{[a-z_]+\}", PLACE, path)
    query = "?offset=0" if method == "PUT" else ""
    body = b"{}" if method in {"POST", "PUT"} else b""
    return await client.ask(method, place + query, body, stream=path.endswith("/watch"))


async def test_who_is_let_to_a_route_follows_from_what_it_declares() -> None:
    async with open_lab(present()) as lab, open_https(lab) as https:
        nobody, anybody = https.people(), https.people(await lab.signed_in("bob"))
        admin = https.people(await lab.signed_in("ada", "admin", "auditor"))
        gateway = https.gateways(await https.gateway())
        for method, path, access in await routes():
            let_in = {
                "nobody": await is_let_in(nobody, method, path),
                "anybody": await is_let_in(anybody, method, path),
                "admin": await is_let_in(admin, method, path),
                "gateway": await is_let_in(gateway, method, path),
            }
            expected = {
                "nobody": access is Access.OPEN,
                "anybody": access in {Access.OPEN, Access.SIGNED_IN},
                "admin": access is not Access.GATEWAY,
                "gateway": access in {Access.OPEN, Access.GATEWAY},
            }
            assert let_in == expected, (method, path)


async def is_let_in(client: Client, method: str, path: str) -> bool:
    """Whether the guard let the call to its route. What the route itself then says is another matter."""
    answer = await answered(client, method, path)
    if answer.code == "no_right":
        return not isinstance(NEEDS[method, path].guard, Right)
    return answer.status != 401


NODE = "kind: node\nversion: v1\nmetadata: {name: web}\nspec: {address: '192.0.2.80:22'}\n"
ASKED: dict[tuple[str, str], Any] = {
    ("POST", "/v1/resources"): {"files": [{"name": "a.yaml", "text": NODE}]},
    ("POST", "/v1/explain"): {"node": "web", "login": "root", "user": "ada"},
    ("POST", "/v1/sessions/{session_id}/end"): {"message": "bye"},
}
PLACES = {"{kind}": "node", "{name}": "ada"}


def wanted(called: tuple[str, str]) -> list[Right]:
    """The rights of a line, for nodes where any kind is meant."""
    needs = NEEDS[called]
    rights = needs.rights if not isinstance(needs.guard, Right) else (needs.guard,)
    return [Right("node" if one.resource == KIND else one.resource, one.verb) for one in rights]


async def holder(https: HttpsLab, name: str, rights: list[Right]) -> Client:
    """Somebody with these rights and no others."""
    rules = ", ".join(f"{{resources: [{one.resource}], verbs: [{one.verb}]}}" for one in rights)
    text = f"kind: role\nversion: v8\nmetadata: {{name: {name}}}\nspec: {{allow: {{rules: [{rules}]}}}}\n"
    await https.lab.declare(text)
    return https.people(await https.lab.signed_in(f"user-{name}", name))


async def code_of(client: Client, called: tuple[str, str]) -> str:
    method, path = called
    for place, value in PLACES.items():
        path = path.replace(place, value)
    path = re.sub(r"\{[a-z_]+\}", PLACE, path) + ("?revision=any" if method == "DELETE" else "")
    body = json.dumps(ASKED.get(called, {})).encode() if method == "POST" else b""
    return (await client.ask(method, path, body)).code


RIGHTED = sorted(called for called in NEEDS if wanted(called))


@pytest.mark.parametrize("called", RIGHTED, ids=" ".join)
async def test_operation_asks_for_the_rights_of_its_line_and_for_no_others(
    https: HttpsLab, called: tuple[str, str]
) -> None:
    await https.lab.user("ada")
    rights = wanted(called)
    assert await code_of(await holder(https, "exactly", rights), called) != "no_right"
    for number, missing in enumerate(rights):
        rest = [Right(resource, verb) for resource in RESOURCES for verb in VERBS if (resource, verb) != missing]
        code = await code_of(await holder(https, f"all-but-{number}", rest), called)
        assert (code == "no_right") == (NEEDS[called].when is not When.MORE), (called, missing)


@pytest.mark.parametrize(
    ("called", "right"), [(called, wanted(called)[0]) for called in RIGHTED if NEEDS[called].when is When.MORE]
)
async def test_right_to_more_shows_more(https: HttpsLab, called: tuple[str, str], right: Right) -> None:
    await https.lab.declare(OPS)
    await https.lab.node("prod-web-01", {"env": "prod"})
    plan = await open_as(https.lab, await https.lab.signed_in("bob", "ops"), "dwt-root@prod-web-01")
    row = RecordingRow(SessionId(plan.session_id), https.lab.clock.now())
    await https.lab.store.write(lambda tx: tx.recordings.add(row))
    seen = [
        len((await client.get(called[1])).json["items"])
        for client in (await holder(https, "nothing", []), await holder(https, "more", [right]))
    ]
    assert seen == [0, 1]


async def test_unknown_path_and_method_are_problem_documents(https: HttpsLab) -> None:
    for method, path, status in (("GET", "/v1/nothing", 404), ("GET", "/", 404), ("PUT", "/v1/status", 405)):
        answer = await https.people().ask(method, path)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_paths_do_not_lead_elsewhere(https: HttpsLab) -> None:
    bob = https.people(await https.lab.signed_in("bob"))
    for path in ("/v1/sessions/../status", "/v1/sessions/%2e%2e%2fstatus", "/v1/recordings/..%2f..%2fetc/content"):
        assert (await bob.get(path)).status in {400, 403, 404}
