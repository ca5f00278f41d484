"""A real Hub with campus logins, without proxy and machines, and a browser for it."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from ..conftest import CHECKOUT
from ..hub import HubProcess, free_port

TOKEN = "a-token-for-the-test-alone"
CONFIG = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {{}}

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.template_paths = ["{templates}/hub", "{templates}/shared"]
c.JupyterHub.jinja_environment_options = {{
    "extensions": ["coyotelab_service.hub_texts.ReaderLanguage"]}}
c.JupyterHub.template_vars = {{"courses_url": "/hub/home"}}
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.authenticator_class = "coyotelab_service.authenticator.CoyoteAuthenticator"
c.Authenticator.admin_users = {{"admin", "dean"}}
c.CoyoteAuthenticator.db_url = {database!r}
c.CoyoteAuthenticator.campus_logins = {logins!r}
c.CoyoteAuthenticator.local_accounts = {local!r}
c.JupyterHub.services = [{{"name": "test", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "test", "services": ["test"], "scopes": ["admin:users", "read:users", "list:users"]}}]
"""


def make_hub(
    folder: Path, database_url: str, logins: dict[str, Any], local: bool = True
) -> HubProcess:
    """Return a Hub with those campus logins, not started yet."""
    port = free_port()
    config = folder / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            hub=port,
            public=free_port(),
            folder=folder,
            templates=str(CHECKOUT / "coyotelab_service" / "templates"),
            database=database_url,
            logins=logins,
            local=local,
            token=TOKEN,
        )
    )
    return HubProcess(config, folder, f"http://127.0.0.1:{port}/hub/api", TOKEN)


class HubBrowser:
    """One person's browser at the Hub; follows no redirect by itself."""

    def __init__(self, hub: HubProcess) -> None:
        self.site = hub.api_url.removesuffix("/hub/api")
        self.session = requests.Session()
        self.answer = requests.Response()  # what the last login ended with

    def get(self, path: str) -> requests.Response:
        url = path if path.startswith("http") else self.site + path
        return self.session.get(url, allow_redirects=False, timeout=30)

    def submit(self, path: str, form_at: str, **fields: str) -> requests.Response:
        """Open a page with a form, and send it to a path as a browser would."""
        found = re.search(r'name="_xsrf" value="([^"]+)"', self.get(form_at).text)
        fields["_xsrf"] = found.group(1) if found else "none"
        return self.session.post(self.site + path, data=fields, allow_redirects=False, timeout=30)

    def log_in_locally(self, username: str, password: str) -> None:
        answer = self.submit("/hub/login", "/hub/login", username=username, password=password)
        assert answer.status_code == 302, answer.text

    @property
    def username(self) -> str:
        """Who is logged in, "" for nobody."""
        page = self.get("/hub/home")
        found = re.search(r'user: "([^"]*)"', page.text)
        return found.group(1) if page.status_code == 200 and found else ""


def find_query(answer: requests.Response) -> dict[str, str]:
    """Return the query of the address that an answer sends the browser to."""
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}
