"""A whole jupyterhub_config.py: every user's servers are LXD machines, no course service."""

c = get_config()
c.JupyterHub.spawner_class = "lxd"
c.JupyterHub.hub_bind_url = "http://10.157.0.1:8081"  # on the bridge, where machines ask the Hub
c.JupyterHub.allow_named_servers = True
c.LXDSpawner.lxd_url = "https://127.0.0.1:8443"
c.LXDSpawner.lxd_project = "coyotelab"
c.LXDSpawner.lxd_credentials = "/etc/coyotelab/credentials"
c.OpenPolicy.base = "base-default-v1"
