"""What the Hub and the spawner tell the server, read once from the environment."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Settings:
    """One workspace's place in the world. URLs end as the Hub gave them; prefix ends with '/'."""

    prefix: str
    user: str
    server: str
    api_url: str
    api_token: str
    client_id: str
    callback_url: str
    authorize_url: str
    activity_url: str
    access_scopes: frozenset[str]
    host_cookies: bool
    hub_home: str
    course: str
    pages_url: str
    work_token: str
    idle_minutes: int | None  # None: nobody said; 0: never stops by itself
    job_hours: float

    @property
    def cookie(self) -> str:
        """Name of the login cookie: one per OAuth client, so that servers never share one."""
        name = self.client_id or "coyotelab"
        return f"__Host-{name}" if self.host_cookies else name

    @property
    def cookie_path(self) -> str:
        """Path of our cookies; a __Host- cookie is only accepted for '/'."""
        return "/" if self.host_cookies else self.prefix

    @property
    def cookie_secret(self) -> bytes:
        """Signs our cookies; made from the API token, so it lasts as long as this server may."""
        return hashlib.sha256(f"coyotelab-cookie:{self.api_token}".encode()).digest()

    @property
    def courses_url(self) -> str:
        """Where the courses are: the service's first page, the Hub's home without it."""
        return (
            self.pages_url.rpartition("/workspaces/")[0] + "/" if self.pages_url else self.hub_home
        )


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the variables that JupyterHub 6 documents for single-user servers, and our own.

    Raises KeyError when one is missing without which nobody could be let in.
    """
    get = environment.get
    host, base = get("JUPYTERHUB_HOST", ""), get("JUPYTERHUB_BASE_URL") or "/"
    prefix = environment["JUPYTERHUB_SERVICE_PREFIX"].rstrip("/") + "/"
    return Settings(
        prefix=quote(prefix, safe="/@%~!$&'()*+,;=:"),
        user=environment["JUPYTERHUB_USER"],
        server=get("JUPYTERHUB_SERVER_NAME", ""),
        api_url=environment["JUPYTERHUB_API_URL"].rstrip("/"),
        api_token=environment["JUPYTERHUB_API_TOKEN"],
        client_id=environment["JUPYTERHUB_CLIENT_ID"],
        callback_url=get("JUPYTERHUB_OAUTH_CALLBACK_URL") or f"{prefix}oauth_callback",
        authorize_url=f"{host}{base}hub/api/oauth2/authorize",
        activity_url=get("JUPYTERHUB_ACTIVITY_URL", ""),
        access_scopes=frozenset(json.loads(get("JUPYTERHUB_OAUTH_ACCESS_SCOPES") or "[]")),
        host_cookies=get("JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED", "").lower() in {"1", "true"},
        hub_home=f"{host}{base}hub/home",
        course=get("COYOTELAB_COURSE", "") or get("JUPYTERHUB_SERVER_NAME", ""),
        pages_url=get("COYOTELAB_PAGES_URL", "").rstrip("/"),
        work_token=get("COYOTELAB_WORK_TOKEN", ""),
        idle_minutes=int(minutes) if (minutes := get("COYOTELAB_IDLE_MINUTES", "")) else None,
        job_hours=float(get("COYOTELAB_JOB_HOURS", "") or 0),
    )
