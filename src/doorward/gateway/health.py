"""What a gateway says of itself on its listener for probes: that it lives, that it may open sessions, and counts.

Labels are words of ours alone: a metrics store keeps what it reads for months, and anybody with a dashboard sees it, so
no name of a person, a node or an address is in it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from doorward.base.errors import DoorwardError
from doorward.gateway.recorder.spool import Spool, SpoolUse
from doorward.net.doors import Doors, Stage
from doorward.net.plain_http import Page

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
ALIVE: Final = Page(b"ok\n")
READY: Final = Page(b"ready\n")
NOT_READY: Final = Page(b"not ready: the authority is out of sight\n", HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """Counts of this moment, for `/readyz` and metrics; refused and evicted ones since the start."""

    sessions: int
    jumps: int
    signed_in: int
    unproven: int
    silent: int
    passed_on: int
    refused: int
    evicted: int
    epoch: int
    in_control: bool
    lease_seconds: float

    @classmethod
    def of(
        cls, doors: Doors, *, sessions: int, jumps: int, epoch: int, in_control: bool, lease_seconds: float
    ) -> "GatewayHealth":
        """What the doors count, beside the rest."""
        return cls(
            sessions=sessions,
            jumps=jumps,
            signed_in=doors.count(Stage.INSIDE),
            unproven=doors.count(Stage.UNPROVEN),
            silent=doors.count(Stage.SILENT),
            passed_on=doors.count(Stage.PASSED_ON),
            refused=doors.refused,
            evicted=doors.evicted,
            epoch=epoch,
            in_control=in_control,
            lease_seconds=lease_seconds,
        )


class HealthPages:
    """`/healthz`, `/readyz` and `/metrics`. Not ready until `begin`: before that no authority has been met."""

    def __init__(self) -> None:
        self._health: Callable[[], GatewayHealth] | None = None
        self._spool: Spool | None = None

    def begin(self, health: Callable[[], GatewayHealth], spool: Spool) -> None:
        """From now on there is something to count."""
        self._health, self._spool = health, spool

    async def __call__(self, path: str) -> Page | None:
        """The page at `path`, or none."""
        health = self._health() if self._health is not None else None
        match path:
            case "/healthz":
                return ALIVE
            case "/readyz":
                return READY if health is not None and health.in_control else NOT_READY
            case "/metrics":
                return Page(render(health, await self._use()), content_type=CONTENT_TYPE)
            case _:
                return None

    async def _use(self) -> SpoolUse | None:
        """None while the spool can not be read: its figures are left out, since zero would be a lie."""
        try:
            return await self._spool.use() if self._spool is not None else None
        except DoorwardError:
            return None


class _Figures(Collector):
    """One reading; what is not known is left out."""

    def __init__(self, health: GatewayHealth | None, use: SpoolUse | None) -> None:
        self._health = health
        self._use = use

    def collect(self) -> Iterable[Metric]:
        """The figures, in Prometheus' families."""
        build = GaugeMetricFamily("doorward_build_info", "Which version runs", labels=["version"])
        build.add_metric([version("doorward")], 1)
        yield build
        is_ready = self._health is not None and self._health.in_control
        yield _gauge("in_control", "Whether new sessions may open: the authority is in sight", int(is_ready))
        if self._health is not None:
            yield from _counts(self._health)
        if self._use is not None:
            yield _gauge("recordings_waiting", "Sealed recordings that wait to be shipped", self._use.waiting)
            yield _gauge("spool_bytes", "Bytes of all recordings in the spool", self._use.size_bytes)


def _counts(health: GatewayHealth) -> Iterable[Metric]:
    yield _gauge("sessions_live", "Sessions that are open here", health.sessions)
    yield _gauge("jumps_live", "Outer connections of jumps that are open here", health.jumps)
    yield _gauge("lease_seconds", "How long the lease lasts unless it is renewed", health.lease_seconds)
    yield _gauge("revocation_epoch", "The last revocation that was heard of", health.epoch)
    stages = {
        Stage.SILENT: health.silent,
        Stage.UNPROVEN: health.unproven,
        Stage.PASSED_ON: health.passed_on,
        Stage.INSIDE: health.signed_in,
    }
    connections = GaugeMetricFamily(
        "doorward_gateway_connections", "Connections, by how far they are", labels=["stage"]
    )
    for stage, count in stages.items():
        connections.add_metric([stage.name.lower()], count)
    yield connections
    yield CounterMetricFamily(
        "doorward_gateway_connections_refused", "Connections for which there was no room", value=health.refused
    )
    yield CounterMetricFamily(
        "doorward_gateway_connections_evicted",
        "Unproven connections that made room for newer ones",
        value=health.evicted,
    )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"doorward_gateway_{name}", meaning, value=value)


def render(health: GatewayHealth | None, use: SpoolUse | None) -> bytes:
    """The figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(health, use))
    return generate_latest(registry)
