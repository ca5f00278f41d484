"""People at their browsers, without the browser: log in, follow redirects, keep cookies."""

import re
import socket
from typing import Any

import requests

_resolve = socket.getaddrinfo


def _resolve_localhost(host: Any, *args: Any, **kwargs: Any) -> Any:
    """Resolve `*.localhost` as browsers do (RFC 6761); the C library here does not."""
    if isinstance(host, str) and host.endswith(".localhost"):
        host = "127.0.0.1"
    return _resolve(host, *args, **kwargs)


socket.getaddrinfo = _resolve_localhost


class Person(requests.Session):
    """Somebody with a browser: `get` and `post` take paths of the service, or whole URLs."""

    def __init__(self, site_url: str, username: str, password: str) -> None:
        super().__init__()
        self.trust_env = False
        self.site_url = site_url.rstrip("/")
        self.pages = self.site_url.replace("://", "://coyotelab--service.") + "/services/coyotelab/"
        self.api = f"{self.site_url}/services/coyotelab/api/"
        self.username, self.password = username, password
        self.headers["User-Agent"] = f"test of {username}"
        self.headers["Accept"] = "text/html"

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        if not str(url).startswith("http"):
            url = self.pages + str(url).lstrip("/")
        kwargs.setdefault("timeout", 60)
        return super().request(method, url, *args, **kwargs)

    def log_in(self) -> "Person":
        self.send_login().raise_for_status()
        return self

    def send_login(self) -> requests.Response:
        """Send the login form, and return where that leads."""
        form = self.get(f"{self.site_url}/hub/login")
        return self.post(
            f"{self.site_url}/hub/login",
            data={"username": self.username, "password": self.password, "_xsrf": xsrf(form.text)},
            headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"},
        )

    def submit(self, path: str, **data: str) -> requests.Response:
        """Open a page with a form and submit it."""
        page = self.get(path)
        if page.status_code != 200:
            return page
        return self.post(path, data={**data, "_xsrf": xsrf(page.text)})


def xsrf(page: str) -> str:
    """Return the token in a page's form, "" when there is none."""
    found = re.search(r'name="_xsrf"\s+value="([^"]*)"', page)
    return found.group(1) if found else ""
