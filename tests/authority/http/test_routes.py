"""Every route and every kind of caller: who is let to it follows from what the route declares, and nothing else."""

import re

import pytest
from litestar.handlers import HTTPRouteHandler
from tests.support.authority_lab import open_lab
from tests.support.https_lab import Answer, Client, HttpsLab, open_https, present

from doorward.api import calls
from doorward.api.calls import Call
from doorward.authority.http.access import ACCESS, Access
from doorward.authority.http.app import api_routes, create_app
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


async def test_every_route_says_who_may_call_it() -> None:
    for method, path, access in await routes():
        assert isinstance(access, Access | Right), (method, path)
        if isinstance(access, Right):
            assert access.resource in RESOURCES
            assert access.verb in VERBS


async def test_route_that_says_nothing_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_lab() as lab:
        silent = api_routes(lab.services)
        silent[0].opt.pop(ACCESS)
        monkeypatch.setattr("doorward.authority.http.app.api_routes", lambda _: silent)
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
        return not any(path.startswith(start) for start in GUARDED)
    return answer.status != 401


GUARDED = ("/v1/users", "/v1/tokens", "/v1/nodes/", "/v1/gateways", "/v1/audit/erasures")


async def test_unknown_path_and_method_are_problem_documents(https: HttpsLab) -> None:
    for method, path, status in (("GET", "/v1/nothing", 404), ("GET", "/", 404), ("PUT", "/v1/status", 405)):
        answer = await https.people().ask(method, path)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_paths_do_not_lead_elsewhere(https: HttpsLab) -> None:
    bob = https.people(await https.lab.signed_in("bob"))
    for path in ("/v1/sessions/../status", "/v1/sessions/%2e%2e%2fstatus", "/v1/recordings/..%2f..%2fetc/content"):
        assert (await bob.get(path)).status in {400, 403, 404}
