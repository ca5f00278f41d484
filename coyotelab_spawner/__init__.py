"""JupyterHub servers as LXD or Incus system containers: one workspace per named server."""
