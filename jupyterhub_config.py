"""CoyoteLab's configuration: what is plugged into what, and every value you may want to change.

It reads two things: the environment (COYOTELAB_STATE, COYOTELAB_PORT, COYOTELAB_PUBLIC_URL) and
`setup.json` in the state folder, which `coyotelab setup` wrote. Everything else stands here.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

c = get_config()

# --- where things are -----------------------------------------------------------------------
here = Path(__file__).resolve().parent
state = Path(os.environ.get("COYOTELAB_STATE", here / ".coyotelab")).resolve()
machine = json.loads((state / "setup.json").read_text())

port = int(os.environ.get("COYOTELAB_PORT", "8000"))
# People open this address. Two labels at least: browsers refuse cookies for a bare `localhost`.
public_url = os.environ.get("COYOTELAB_PUBLIC_URL", f"http://coyote.localhost:{port}")
public_host = urlsplit(public_url).hostname
secure = public_url.startswith("https://")
service_name = "coyotelab"
service_prefix = f"/services/{service_name}/"
service_url = f"http://127.0.0.1:{port + 3}"
service_public_url = public_url.replace("://", f"://{service_name}--service.") + service_prefix

# The service's database: SQLite here, PostgreSQL by its URL.
db_url = os.environ.get("COYOTELAB_DB", f"sqlite:///{state / 'service' / 'coyotelab.sqlite'}")

# --- the Hub --------------------------------------------------------------------------------
c.JupyterHub.db_url = f"sqlite:///{state / 'hub' / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "hub" / "cookie_secret")
# Workspaces reach the Hub on their bridge and nowhere else.
c.JupyterHub.hub_bind_url = f"http://{machine['bridge_address']}:{port + 2}"
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
# One subdomain for each person: a student is root in their server, and without subdomains its
# pages could act as whoever opens them (docs/architecture.md, "Origins").
c.JupyterHub.subdomain_host = public_url
c.JupyterHub.cookie_host_prefix_enabled = secure
c.JupyterHub.allow_named_servers = True
c.JupyterHub.default_url = service_public_url
templates = here / "coyotelab_service" / "templates"
c.JupyterHub.template_paths = [str(templates / "hub"), str(templates / "shared")]
c.JupyterHub.jinja_environment_options = {
    "extensions": ["coyotelab_service.hub_texts.ReaderLanguage"]
}
c.JupyterHub.template_vars = {"courses_url": service_public_url, "cookie_domain": public_host}
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}  # the course page shows the progress
c.JupyterHub.log_level = os.environ.get("COYOTELAB_LOG_LEVEL", "INFO")

# A restart of the Hub drops no terminal: the proxy is a process of its own, and workspaces stay.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 1}"
c.JupyterHub.last_activity_interval = 15  # s; a proxy that was restarted gets its routes back then
c.Proxy.extra_routes = {
    f"{public_host}{service_prefix}": service_url,  # the REST API, on the Hub's own host too
    "127.0.0.1/": service_url,  # sends people on to the public address
    "localhost/": service_url,
}

# --- who people are -------------------------------------------------------------------------
c.JupyterHub.authenticator_class = "coyotelab_service.authenticator.CoyoteAuthenticator"
c.CoyoteAuthenticator.db_url = db_url
# User names, with commas between them. They see every course; root of this machine may anyway.
admins = os.environ.get("COYOTELAB_ADMINS", "admin")
c.Authenticator.admin_users = set(admins.split(","))
# Campus login by OpenID Connect, beside local accounts or instead of them: docs/admin/sso.md
# c.CoyoteAuthenticator.campus_logins = {
#     "campus": {
#         "issuer": "https://login.example.edu/realms/campus",
#         "client_id": "coyotelab",
#         "client_secret": Path("/etc/coyotelab/campus-secret").read_text().strip(),
#         "login_service": "Example University",
#         "newcomers": "invited",  # or "everyone", or "nobody"
#     },
# }
# c.CoyoteAuthenticator.local_accounts = False  # the campus login alone

# --- workspaces -----------------------------------------------------------------------------
c.JupyterHub.spawner_class = "coyotelab_spawner.spawner.LXDSpawner"
c.LXDSpawner.lxd_url = machine["url"]
c.LXDSpawner.lxd_project = machine["project"]
c.LXDSpawner.lxd_profile = machine["profile"]
c.LXDSpawner.lxd_credentials = str(state / machine["credentials"])
c.LXDSpawner.policy_class = "coyotelab_service.policy.EnrollmentPolicy"
c.EnrollmentPolicy.db_url = db_url
c.EnrollmentPolicy.pages_url = service_public_url
# c.LXDSpawner.poll_interval = 30     # seconds between looks at each running workspace
# c.LXDSpawner.start_timeout = 300    # seconds a start may take, the queue of a class included
# c.LXDSpawner.ready_timeout = 60     # seconds the terminal server may take to answer

# --- courses --------------------------------------------------------------------------------
# Defaults and ceilings for every course. c.Site.<trait>: docs/admin/configuration.md
# c.Site.idle_minutes = 5      # from the closing of the last page until a machine stops; 0 = never
# c.Site.max_memory = 8 * 1024**3

c.ServiceApp.lxd_url = machine["url"]
c.ServiceApp.lxd_project = machine["project"]
c.ServiceApp.lxd_profile = machine["profile"]
c.ServiceApp.lxd_credentials = str(state / machine["credentials"])
c.ServiceApp.public_url = service_public_url
c.ServiceApp.proxy_url = f"http://127.0.0.1:{port}"
c.ServiceApp.cookie_secret_file = str(state / "service" / "cookie_secret")
c.JupyterHub.services = [
    {
        "name": service_name,
        "url": service_url,
        "command": [
            sys.executable,
            "-m",
            "coyotelab_service",
            f"--config={Path(__file__).resolve()}",  # this very file, for c.ServiceApp and c.Site
        ],
        "environment": {
            "COYOTELAB_DB": db_url,  # no secret belongs on a command line
            "COYOTELAB_ADMINS": admins,
            "COYOTELAB_STATE": str(state),
            "COYOTELAB_PORT": str(port),
            "COYOTELAB_PUBLIC_URL": public_url,
        },
        "oauth_no_confirm": True,
        "display": False,
    }
]

# --- who may do what at the Hub -------------------------------------------------------------
# People hold neither `servers` nor `tokens` nor `shares`: only the service, after asking its
# rules, creates, starts, stops and shares servers, so there is one door.
c.JupyterHub.load_roles = [
    {
        "name": "user",
        "scopes": [
            "read:users!user",
            "users:activity!user",
            "read:servers!user",
            "access:servers!user",
            f"access:services!service={service_name}",
        ],
    },
    {
        "name": "coyotelab-service",
        "services": [service_name],
        "scopes": [
            "list:users",
            "read:users",
            "admin:users",
            "servers",
            "admin:servers",
            "access:servers",
            "shares",
            "tokens",
            f"access:services!service={service_name}",
        ],
    },
]


class OwnClients:
    """The OAuth clients that need no "Authorize access?" page: our workspaces and the service."""

    def __contains__(self, client_id):
        return client_id.startswith(("jupyterhub-user-", f"service-{service_name}"))

    def __bool__(self):
        return True


c.JupyterHub.tornado_settings["oauth_no_confirm_list"] = OwnClients()

# --- your own values ------------------------------------------------------------------------
# A file that no upgrade touches, read last; in it stand lines such as `c.Site.idle_minutes = 10`.
own_values = state / "config.py"
if own_values.exists():
    load_subconfig(str(own_values))
