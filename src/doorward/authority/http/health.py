"""Health and metrics, on a listener of their own: nothing of the API is here, and nothing of this is on the API."""

from litestar import Litestar, MediaType, Response, get
from litestar.exceptions import HTTPException
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Gauges that are read from the store when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = Gauge("doorward_sessions_live", "Sessions that are not over", registry=self.registry)
        self.gateways = Gauge("doorward_gateways_in_contact", "Gateways with a lease", registry=self.registry)
        self.entries = Gauge("doorward_audit_entries", "Entries of the audit log", registry=self.registry)
        self.epoch = Gauge("doorward_revocation_epoch", "The revocation epoch", registry=self.registry)

    async def read(self, services: Services) -> bytes:
        """The current values in Prometheus' text format."""

        def work(tx: Transaction) -> tuple[int, int, int]:
            leased = sum(one.lease_until is not None and one.lease_until > tx.now for one in tx.gateways.list())
            return len(tx.sessions.live()), leased, tx.revocation.current()

        sessions, gateways, epoch = await services.store.read(work)
        self.sessions.set(sessions)
        self.gateways.set(gateways)
        self.epoch.set(epoch)
        self.entries.set((await services.log.log_head()).size)
        return generate_latest(self.registry)


def create_health_app(services: Services) -> Litestar:
    """`/healthz`: the process lives. `/readyz`: store and signer answer. `/metrics`: Prometheus."""
    metrics = Metrics()

    @get("/healthz", media_type=MediaType.TEXT)
    async def healthz() -> str:
        return "ok\n"

    @get("/readyz", media_type=MediaType.TEXT)
    async def readyz() -> Response[str]:
        try:
            await services.store.read(lambda tx: tx.revocation.current())
            await services.signer.status()
        except DoorwardError as error:
            return Response(f"not ready: {error.code}\n", status_code=503, media_type=MediaType.TEXT)
        return Response("ready\n", media_type=MediaType.TEXT)

    @get("/metrics")
    async def read_metrics() -> Response[bytes]:
        return Response(await metrics.read(services), media_type=CONTENT_TYPE)

    def plain(_: object, error: HTTPException) -> Response[str]:
        return Response("not found\n", status_code=error.status_code, media_type=MediaType.TEXT)

    return Litestar([healthz, readyz, read_metrics], openapi_config=None, exception_handlers={HTTPException: plain})
