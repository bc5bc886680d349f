"""The HTTP application: routes, guard, error answers, limits."""

from typing import Any, Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Contact, License

from doorward.api.problem import MEDIA_TYPE, Problem
from doorward.authority.http.access import ACCESS, IDENTIFIER_KEY, Access, admit_caller
from doorward.authority.http.admin_routes import admin_routes
from doorward.authority.http.gateway_routes import gateway_routes
from doorward.authority.http.json_request import JsonRequest
from doorward.authority.http.oidc_routes import oidc_routes
from doorward.authority.http.problems import STATUS, TITLES, http_error, known_error, unknown_error
from doorward.authority.http.user_routes import audit_routes, resource_routes, session_routes, sign_in_routes
from doorward.authority.identify import Identifier
from doorward.authority.operations.sign_in import VERSION
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
OPENAPI: Final = OpenAPIConfig(
    title="Doorward",
    version=VERSION,
    description="Just-in-time access to infrastructure. Errors are RFC 9457 problem documents.",
    license=License(name="Apache-2.0", identifier="Apache-2.0"),
    contact=Contact(name="Doorward"),
    path="/v1/openapi",
    use_handler_docstrings=True,
    # The document alone: the framework's pages pull their scripts from other origins.
    render_plugins=[JsonRenderPlugin()],
)


PROBLEMS: Final = {
    status: ResponseSpec(Problem, generate_examples=False, description=TITLES[kind], media_type=MEDIA_TYPE)
    for kind, status in STATUS.items()
}


def api_routes(services: Services) -> list[HTTPRouteHandler]:
    """Every route of the API, bound to `services`."""
    return [
        *sign_in_routes(services),
        *oidc_routes(services),
        *resource_routes(services),
        *session_routes(services),
        *audit_routes(services),
        *admin_routes(services),
        *gateway_routes(services),
    ]


def create_app(services: Services) -> Litestar:
    """The application of one authority."""
    return create_app_of(api_routes(services), {IDENTIFIER_KEY: Identifier(services)})


def create_app_of(routes: list[HTTPRouteHandler], state: dict[str, Any]) -> Litestar:
    """The application of these routes; each must say who may call it."""
    for route in routes:
        if ACCESS not in route.opt:
            raise AssertionError(f"{route} does not say who may call it")
        route.responses = PROBLEMS
    return Litestar(
        route_handlers=routes,
        guards=[admit_caller],
        opt={ACCESS: Access.OPEN},
        exception_handlers={
            DoorwardError: known_error,
            HTTPException: http_error,
            Exception: unknown_error,
        },
        state=State(state),
        request_class=JsonRequest,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OPENAPI,
        debug=False,
    )
