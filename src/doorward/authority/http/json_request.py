"""Requests whose JSON is wrong in ways that the framework takes for faults of ours."""

from typing import Any

from litestar import Request

from doorward.base.errors import Invalid


class BadBody(Invalid):
    """The body is no JSON text: not UTF-8, or nested deeper than anything that we read."""

    code = "bad_body"


class JsonRequest(Request[Any, Any, Any]):
    """Answers `BadBody` where the decoder runs out of depth or of UTF-8, so that strangers can not fill our log."""

    async def json(self) -> Any:
        try:
            return await super().json()
        except (RecursionError, UnicodeDecodeError) as error:
            raise BadBody("reading the body: it is not JSON that can be read") from error
