"""Health and metrics of an authority: 503 without its store or its signer, and figures that name nobody."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.authority_lab import OPS, AuthorityLab, open_lab
from tests.support.proofs import open_as

from doorward.api.signer.client import SignerClient
from doorward.authority.http import health
from doorward.authority.http.health import create_health_app
from doorward.authority.ports import Transaction
from doorward.base.errors import DoorwardError, Refused, Unavailable


async def get(lab: AuthorityLab, path: str) -> tuple[int, str]:
    """One GET, as the ASGI server makes it."""
    sent: list[Any] = []
    asked = {"type": "http.request", "body": b"", "more_body": False}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }

    async def receive() -> Any:
        return asked

    async def send(message: Any) -> None:
        sent.append(message)

    await create_health_app(lab.services)(scope, receive, send)  # type: ignore[arg-type]
    body = b"".join(one.get("body", b"") for one in sent)
    return sent[0]["status"], body.decode()


async def figures(lab: AuthorityLab) -> dict[str, float]:
    """Every sample, by its name and its label's value."""
    status, text = await get(lab, "/metrics")
    assert status == 200, text
    return {
        "/".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_one_that_has_store_and_signer_is_ready() -> None:
    async with open_lab() as lab:
        assert await get(lab, "/healthz") == (200, "ok\n")
        assert await get(lab, "/readyz") == (200, "ready\n")
        assert (await get(lab, "/v1/trust"))[0] == 404


async def test_without_its_store_it_is_not_ready_and_has_no_figures() -> None:
    async with open_lab() as lab:
        await lab.store.close()
        for path in ("/readyz", "/metrics"):
            assert await get(lab, path) == (503, "not ready: store_unavailable\n")
        assert (await get(lab, "/healthz"))[0] == 200


async def test_without_its_signer_it_is_not_ready() -> None:
    async with open_lab() as lab:
        with_signer = lab.services
        lab.services = replace(with_signer, signer=SignerClient(lab.folder / "nobody", call_seconds=0.2))
        assert await get(lab, "/readyz") == (503, "not ready: signer_away\n")
        assert (await get(lab, "/metrics"))[0] == 200


async def test_a_store_that_does_not_answer_is_as_good_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    async with open_lab() as lab:
        monkeypatch.setattr(health, "ANSWER_SECONDS", 0.05)
        monkeypatch.setattr(lab.store, "read", hang)
        for path in ("/readyz", "/metrics"):
            assert await get(lab, path) == (503, "not ready: no answer in time\n")


async def test_figures_follow_what_happens() -> None:
    async with open_lab() as lab:
        await lab.declare(OPS)
        await lab.node("prod-web-01", {"env": "prod"})
        person = await lab.signed_in("alice", "ops")
        before = await figures(lab)
        plan = await open_as(lab, person, "dwt-root@prod-web-01")
        with pytest.raises(Refused):
            await open_as(lab, person, "dwt-root@no-such-node")
        lab.services.throttle.failed("alice", "192.0.2.1", "password")
        after = await figures(lab)
        assert {name: value - before[name] for name, value in after.items() if value != before[name]} == {
            "doorward_sessions_live/opening": 1,
            "doorward_session_openings_total/allowed": 1,
            "doorward_session_openings_total/refused": 1,
            "doorward_sign_in_failures_total": 1,
            "doorward_audit_entries": after["doorward_audit_entries"] - before["doorward_audit_entries"],
        }
        assert after["doorward_audit_entries"] > before["doorward_audit_entries"]
        assert after["doorward_gateways"] == 1
        assert after["doorward_build_info/0.1.0"] == 1
        await lab.start(plan.session_id)
        assert (await figures(lab))["doorward_sessions_live/active"] == 1
        _, text = await get(lab, "/metrics")
        assert not [
            name for name in ("alice", "prod-web-01", "gw", "192.0.2.1", plan.session_id) if name in text.split()
        ]


async def test_an_opening_that_came_to_no_decision_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: object) -> None:
        raise Unavailable("using the store: the database is locked, full or gone")

    async with open_lab() as lab:
        await lab.declare(OPS)
        await lab.node("prod-web-01", {"env": "prod"})
        person = await lab.signed_in("alice", "ops")
        with monkeypatch.context() as patch:
            patch.setattr(lab.store, "write", broken)
            with pytest.raises(DoorwardError):
                await open_as(lab, person, "dwt-root@prod-web-01")
        assert (await figures(lab))["doorward_session_openings_total/failed"] == 1


async def test_a_gateway_is_in_contact_while_its_lease_lasts() -> None:
    async with open_lab() as lab:

        def lease(tx: Transaction) -> None:
            tx.gateways.renew_lease(lab.gateway.gateway_id, tx.now + timedelta(seconds=10))

        await lab.store.write(lease)
        assert (await figures(lab))["doorward_gateways_in_contact"] == 1
        lab.advance(seconds=11)
        assert (await figures(lab))["doorward_gateways_in_contact"] == 0
