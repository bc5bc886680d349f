"""Health and metrics, on a listener of their own: nothing of the API is here, and nothing of this is on the API.

Labels are words of ours alone, never the name of a person, a node or a gateway: whoever reads metrics keeps them.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from litestar import Litestar, MediaType, Response, get
from litestar.exceptions import HTTPException
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from doorward.authority.counts import Outcome
from doorward.authority.operations.sign_in import VERSION
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError
from doorward.domain.sessions.states import SessionState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
ANSWER_SECONDS: Final = 3.0
"""A store or signer that takes longer is as good as away."""
LIVE_STATES: Final = (SessionState.OPENING, SessionState.ACTIVE, SessionState.ENDING)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store says at this moment."""

    sessions: Counter[str]
    gateways: int
    in_contact: int
    epoch: int
    entries: int


async def read_store(services: Services) -> Reading:
    """One look; `Unavailable` when the store does not answer."""

    def work(tx: Transaction) -> tuple[Counter[str], int, int, int]:
        gateways = tx.gateways.list()
        leased = sum(one.lease_until is not None and one.lease_until > tx.now for one in gateways)
        states = Counter(str(one.state) for one in tx.sessions.live())
        return states, len(gateways), leased, tx.revocation.current()

    found = await services.store.read(work)
    return Reading(*found, entries=(await services.log.log_head()).size)


class _Figures(Collector):
    def __init__(self, reading: Reading, openings: Counter[Outcome], sign_in_failures: int) -> None:
        self._reading = reading
        self._openings = openings
        self._sign_in_failures = sign_in_failures

    def collect(self) -> Iterable[Metric]:
        """The figures, in Prometheus' families."""
        build = GaugeMetricFamily("doorward_build_info", "Which version runs", labels=["version"])
        build.add_metric([VERSION], 1)
        yield build
        sessions = GaugeMetricFamily("doorward_sessions_live", "Sessions that are not over", labels=["state"])
        for state in LIVE_STATES:
            sessions.add_metric([state.value], self._reading.sessions[state.value])
        yield sessions
        yield GaugeMetricFamily("doorward_gateways", "Gateways that have joined", value=self._reading.gateways)
        yield GaugeMetricFamily("doorward_gateways_in_contact", "Gateways with a lease", value=self._reading.in_contact)
        yield GaugeMetricFamily("doorward_audit_entries", "Entries of the audit log", value=self._reading.entries)
        yield GaugeMetricFamily("doorward_revocation_epoch", "The revocation epoch", value=self._reading.epoch)
        openings = CounterMetricFamily(
            "doorward_session_openings", "Sessions that gateways asked to open", labels=["outcome"]
        )
        for outcome in Outcome:
            openings.add_metric([outcome.value], self._openings[outcome])
        yield openings
        yield CounterMetricFamily(
            "doorward_sign_in_failures", "Sign-ins that failed, whoever tried", value=self._sign_in_failures
        )


async def render(services: Services) -> bytes:
    """The figures of this moment in Prometheus' text format."""
    registry = CollectorRegistry()
    reading = await read_store(services)
    registry.register(_Figures(reading, services.counts.openings, services.throttle.noted_total))
    return generate_latest(registry)


def create_health_app(services: Services) -> Litestar:
    """`/healthz`: the process lives. `/readyz`: store and signer answer. `/metrics`: Prometheus."""

    @get("/healthz", media_type=MediaType.TEXT)
    async def healthz() -> str:
        return "ok\n"

    @get("/readyz", media_type=MediaType.TEXT)
    async def readyz() -> str:
        async with asyncio.timeout(ANSWER_SECONDS):
            await services.store.read(lambda tx: tx.revocation.current())
            await services.signer.status()
        return "ready\n"

    @get("/metrics")
    async def read_metrics() -> Response[bytes]:
        async with asyncio.timeout(ANSWER_SECONDS):
            figures = await render(services)
        return Response(figures, media_type=CONTENT_TYPE)

    def plain(_: object, error: HTTPException) -> Response[str]:
        return Response("not found\n", status_code=error.status_code, media_type=MediaType.TEXT)

    def away(_: object, error: Exception) -> Response[str]:
        why = error.code if isinstance(error, DoorwardError) else "no answer in time"
        return Response(f"not ready: {why}\n", status_code=503, media_type=MediaType.TEXT)

    return Litestar(
        [healthz, readyz, read_metrics],
        openapi_config=None,
        exception_handlers={HTTPException: plain, DoorwardError: away, TimeoutError: away},
    )
