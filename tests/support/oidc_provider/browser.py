"""A person in front of a browser: follows redirects, keeps cookies, fills in the provider's pages.

Run as a program (`python -m tests.support.oidc_provider.browser SUB URL`) it is what `$BROWSER` names for `dw login`.
"""

import html
import re
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import httpx2

STEPS_MAX = 20
_FORM = re.compile(r"<form[^>]*action=\"([^\"]*)\"", re.IGNORECASE)
_INPUT = re.compile(r"<input[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(name|value)=\"([^\"]*)\"", re.IGNORECASE)


@dataclass
class Browser:
    """Somebody whom the provider knows as `sub`."""

    sub: str
    http: httpx2.Client = field(
        default_factory=lambda: httpx2.Client(trust_env=False, follow_redirects=False, timeout=30)
    )

    def sign_in(self, url: str) -> str:
        """Sign in and consent; the address on loopback to which the provider sends the browser in the end."""
        return self._follow(self.http.get(url), url)

    def visit(self, url: str) -> str:
        """The same, and go there; what the page says."""
        return self.http.get(self.sign_in(url)).text

    def type_code(self, url: str, code: str) -> str:
        """Type a device flow's code, confirm, sign in and consent; the last page."""
        page = self.http.get(url)
        for _ in range(STEPS_MAX):
            while page.is_redirect:
                page = self.http.get(urljoin(str(page.url), page.headers["location"]))
            fields = self._fields(page.text)
            if not fields:
                return page.text
            if "user_code" in fields and "confirm" not in fields:
                fields["user_code"] = code
            page = self._submit(page, fields)
        raise AssertionError("the provider asks for ever")

    def sign_out(self, issuer: str) -> None:
        """End the session at the provider."""
        page = self.http.get(f"{issuer}/session/end")
        fields = {**self._fields(page.text), "logout": "yes"}
        done = self._submit(page, fields)
        assert done.status_code < 400, done.text

    def close(self) -> None:
        """Close what is open."""
        self.http.close()

    def _follow(self, page: httpx2.Response, url: str) -> str:
        for _ in range(STEPS_MAX):
            if page.is_redirect:
                to = urljoin(str(page.url), page.headers["location"])
                if "/callback" in to:
                    return to
                page = self.http.get(to)
                continue
            fields = self._fields(page.text)
            assert fields, f"nothing to fill in at {page.url}: {page.text[:2000]}"
            page = self._submit(page, fields)
        raise AssertionError(f"the provider sends in circles: {url}")

    def _fields(self, text: str) -> dict[str, str]:
        inputs = [dict(_ATTRIBUTE.findall(found)) for found in _INPUT.findall(text)]
        fields = {one["name"]: html.unescape(one.get("value", "")) for one in inputs if "name" in one}
        if "login" in fields:
            fields |= {"login": self.sub, "password": "any"}
        return fields

    def _submit(self, page: httpx2.Response, fields: dict[str, Any]) -> httpx2.Response:
        found = _FORM.search(page.text)
        assert found is not None, page.text
        return self.http.post(urljoin(str(page.url), html.unescape(found[1])), data=fields)


if __name__ == "__main__":
    someone = Browser(sys.argv[1])
    someone.visit(sys.argv[2])
    someone.close()
