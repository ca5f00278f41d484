"""The server inside a workspace: a terminal page, the home as one ZIP, and JupyterLab on demand."""
