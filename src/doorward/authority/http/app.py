"""The HTTP application: routes, guard, error answers, limits."""

import re
from typing import Any, Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Contact, License

from doorward.authority.http.access import ACCESS, IDENTIFIER_KEY, Access, admit_caller
from doorward.authority.http.admin_routes import admin_routes
from doorward.authority.http.description import COMPONENTS, describe
from doorward.authority.http.gateway_routes import gateway_routes
from doorward.authority.http.json_request import JsonRequest
from doorward.authority.http.needs import NEEDS
from doorward.authority.http.oidc_routes import oidc_routes
from doorward.authority.http.problems import http_error, known_error, unknown_error
from doorward.authority.http.user_routes import audit_routes, resource_routes, session_routes, sign_in_routes
from doorward.authority.identify import Identifier
from doorward.authority.operations.sign_in import VERSION
from doorward.authority.services import Services
from doorward.base.errors import DoorwardError

_PLACE: Final = re.compile(r"\{([a-z_]+):[a-z]+\}")
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
OPEN_BODY_BYTES_MAX: Final = 64 * 1024
"""What anybody may send: a thousand strangers who never end their bodies hold 64 MiB of ours, and not eight GiB."""
OPENAPI: Final = OpenAPIConfig(
    title="Doorward",
    version=VERSION,
    description="Just-in-time access to infrastructure. Errors are RFC 9457 problem documents.",
    license=License(name="Apache-2.0", identifier="Apache-2.0"),
    contact=Contact(name="Doorward"),
    path="/v1/openapi",
    components=COMPONENTS,
    use_handler_docstrings=True,
    # The document alone: the framework's pages pull their scripts from other origins.
    render_plugins=[JsonRenderPlugin()],
)


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


def called(route: HTTPRouteHandler) -> tuple[str, str]:
    """Method, and path with plain places."""
    (method,), (path,) = route.http_methods, route.paths
    return str(method), _PLACE.sub(r"{\1}", path)


def create_app(services: Services) -> Litestar:
    """The application of one authority."""
    return create_app_of(api_routes(services), {IDENTIFIER_KEY: Identifier(services)})


def create_app_of(routes: list[HTTPRouteHandler], state: dict[str, Any]) -> Litestar:
    """The application of these routes; each must say who may call it."""
    for route in routes:
        needs = NEEDS.get(called(route))
        if needs is None or route.opt.get(ACCESS) != needs.guard:
            raise AssertionError(f"{called(route)} does not say who may call it, or says it otherwise than the table")
        if needs.guard is Access.OPEN:
            route.request_max_body_size = OPEN_BODY_BYTES_MAX
        describe(route)
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
