"""The API's description as a file: what `docs/openapi.json` holds, and a test compares.

Run `python -m doorward.authority.http.openapi > docs/openapi.json` after a change of the API; the difference is
reviewed.
"""

import json
import sys
from typing import Any, cast

from litestar import Litestar

from doorward.authority.http.app import api_routes, create_app_of
from doorward.authority.services import Services


def openapi_document() -> str:
    """OpenAPI 3.1 as JSON text with sorted keys; needs no running authority, since no route is called."""
    app: Litestar = create_app_of(api_routes(cast("Services", None)), {})
    document: dict[str, Any] = app.openapi_schema.to_schema()
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_document())
