"""What the description of the API says beyond the routes' types: who may call, how calls fail, and bodies of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from doorward.api.problem import MEDIA_TYPE, Problem
from doorward.authority.http.access import ACCESS, Access
from doorward.authority.http.problems import STATUS, TITLES, UNAUTHENTICATED

OCTETS: Final = "application/octet-stream"
FORM: Final = "application/x-www-form-urlencoded"
NDJSON: Final = "application/x-ndjson"
SCHEME: Final = "certificate"
COMPONENTS: Final = Components(
    security_schemes={
        SCHEME: SecurityScheme(
            type="mutualTLS",
            description="A client certificate of TLS: a user's, from a sign-in, or a gateway's, from joining.",
        )
    }
)
_FAILURES: Final[Mapping[int, str]] = {
    **{status: TITLES[kind] for kind, status in STATUS.items()},
    405: "the path knows no such method",
    413: "the body is too long",
    500: "a fault of the authority, logged under the number that the detail names",
}


@dataclass
class OctetsIn(Operation):
    """A call whose body is bytes as they are."""

    def __post_init__(self) -> None:
        content = {OCTETS: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))}
        self.request_body = RequestBody(content=content, required=True)


@dataclass
class LogoutFormIn(Operation):
    """The form of a back-channel log-out."""

    def __post_init__(self) -> None:
        fields: dict[str, Schema | Reference] = {"logout_token": Schema(type=OpenAPIType.STRING)}
        form = Schema(type=OpenAPIType.OBJECT, properties=fields, required=["logout_token"])
        self.request_body = RequestBody(content={FORM: OpenAPIMediaType(schema=form)}, required=True)


def describe(route: HTTPRouteHandler) -> None:
    """Say of a route how it fails, and that it wants a certificate where it does."""
    failures = dict(_FAILURES)
    if route.opt[ACCESS] is Access.OPEN:
        route.security = []
    else:
        failures[UNAUTHENTICATED] = "no live sign-in, or no joined gateway, stands behind the connection"
        route.security = [{SCHEME: []}]
    route.responses = {
        status: ResponseSpec(Problem, generate_examples=False, description=text, media_type=MEDIA_TYPE)
        for status, text in failures.items()
    }
