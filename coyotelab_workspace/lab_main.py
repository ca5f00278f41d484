"""The program that JupyterLab is: run by the runtime's Python, with its packages and no others."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path += [f"{sys.prefix}/site", f"{sys.prefix}/lab"]
    from coyotelab_workspace.launch import NAME

    Path("/proc/self/comm").write_text(NAME)  # so that a later launch of the server ends it
    import_module("jupyterlab.labapp").main()
