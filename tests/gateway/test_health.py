"""What a gateway says of itself: ready only in sight of its authority, and figures that name nobody."""

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families
from tests.support.recordings import header
from tests.support.spool import Disk, MemoryFiles, unexpected

from doorward.base.clock import ManualClock
from doorward.base.errors import Unavailable
from doorward.gateway.health import GatewayHealth, HealthPages, render
from doorward.gateway.recorder.spool import Spool, SpoolUse
from doorward.net.doors import DoorLimits, Doors


def spool_on(disk: Disk) -> Spool:
    return Spool(MemoryFiles(disk), ManualClock())


def health(*, in_control: bool = True) -> GatewayHealth:
    doors = Doors(DoorLimits(silent_per_address_max=1, inside_max=1))
    inside = doors.arrive("192.0.2.7", lambda: None)
    assert inside.spoke()
    assert inside.proved()
    for _ in range(3):
        doors.arrive("192.0.2.8", lambda: None)
    assert not doors.arrive("192.0.2.9", lambda: None).spoke()
    return GatewayHealth.of(doors, sessions=4, jumps=2, epoch=12, in_control=in_control, lease_seconds=7.5)


def figures(text: bytes) -> dict[tuple[str, str], float]:
    """Every sample by its name and its label's value."""
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def body(pages: HealthPages, path: str) -> tuple[int, bytes]:
    page = await pages(path)
    assert page is not None
    return page.status.value, page.body


async def test_it_lives_but_is_not_ready_before_an_authority_was_met() -> None:
    pages = HealthPages()
    assert await body(pages, "/healthz") == (200, b"ok\n")
    assert (await body(pages, "/readyz"))[0] == 503
    status, text = await body(pages, "/metrics")
    assert status == 200
    assert figures(text)["doorward_gateway_in_control", ""] == 0
    assert await pages("/else") is None


async def test_it_is_ready_as_long_as_the_authority_is_in_sight() -> None:
    now = [health()]
    pages = HealthPages()
    pages.begin(lambda: now[0], spool_on(Disk()))
    assert await body(pages, "/readyz") == (200, b"ready\n")
    now[0] = health(in_control=False)
    assert (await body(pages, "/readyz"))[0] == 503


def test_figures_are_those_of_the_moment() -> None:
    found = figures(render(health(), SpoolUse(3, 4096)))
    assert found.pop(("doorward_build_info", "0.1.0")) == 1
    assert found == {
        ("doorward_gateway_in_control", ""): 1,
        ("doorward_gateway_sessions_live", ""): 4,
        ("doorward_gateway_jumps_live", ""): 2,
        ("doorward_gateway_lease_seconds", ""): 7.5,
        ("doorward_gateway_revocation_epoch", ""): 12,
        ("doorward_gateway_connections", "silent"): 2,
        ("doorward_gateway_connections", "unproven"): 0,
        ("doorward_gateway_connections", "passed_on"): 0,
        ("doorward_gateway_connections", "inside"): 1,
        ("doorward_gateway_connections_refused_total", ""): 1,
        ("doorward_gateway_connections_evicted_total", ""): 2,
        ("doorward_gateway_recordings_waiting", ""): 3,
        ("doorward_gateway_spool_bytes", ""): 4096,
    }


async def test_what_waits_in_the_spool_is_counted() -> None:
    disk = Disk()
    spool = spool_on(disk)
    pages = HealthPages()
    pages.begin(health, spool)
    first, second = (spool.open(structs.replace(header(), session_id=letter * 26), unexpected) for letter in "ab")
    await spool.seal(first, "closed")
    found = figures((await body(pages, "/metrics"))[1])
    assert found["doorward_gateway_recordings_waiting", ""] == 1
    sizes = [len(content) for name, content in disk.contents.items() if name.endswith(".dwr")]
    assert len(sizes) == 2
    assert found["doorward_gateway_spool_bytes", ""] == sum(sizes) > 0
    await spool.seal(second, "closed")


async def test_a_spool_that_can_not_be_read_leaves_its_figures_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: Spool) -> SpoolUse:
        raise Unavailable("reading the spool: the disk does not give it")

    monkeypatch.setattr(Spool, "use", broken)
    pages = HealthPages()
    pages.begin(health, spool_on(Disk()))
    found = figures((await body(pages, "/metrics"))[1])
    assert ("doorward_gateway_spool_bytes", "") not in found
    assert found["doorward_gateway_sessions_live", ""] == 4
