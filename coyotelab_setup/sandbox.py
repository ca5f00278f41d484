"""How programs are run as the system user coyotelab, their folders in fixed places."""

import subprocess
import sys
from pathlib import Path

from .commands import get_clean_environment
from .errors import SetupError
from .plan import CHECKOUT, Plan

ENTER = Path(__file__).with_name("files") / "enter"
INSIDE = Path("/run/coyotelab")
HIDDEN = ("COYOTELAB_DEMO_PASSWORD", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def get_command(plan: Plan, *words: str | Path) -> list[str]:
    """Return the command line that runs `words` as coyotelab; its process id stays the same."""
    unshare = ["unshare", "--mount", "--propagation", "private"]
    return [*unshare, *map(str, (ENTER, CHECKOUT, plan.state, sys.prefix, *words))]


def get_environment(plan: Plan, **more: str) -> dict[str, str]:
    """Return the environment of such a program: ours, without what is only root's business."""
    clean = {name: value for name, value in get_clean_environment().items() if name not in HIDDEN}
    return {
        **clean,
        "HOME": str(INSIDE / "state" / "hub"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(INSIDE / "checkout"),
        "PYTHONUNBUFFERED": "1",
        "COYOTELAB_STATE": str(INSIDE / "state"),
        "COYOTELAB_PORT": str(plan.ports.proxy),
        **more,
    }


def get_python() -> Path:
    """Return the project's Python as it is seen inside."""
    return INSIDE / "venv" / "bin" / "python"


def run_python(plan: Plan, module: str, *words: str, stdin: str = "") -> str:
    """Run a module as coyotelab to its end; returns what it printed. Raises SetupError."""
    command = get_command(plan, get_python(), "-m", module, *words)
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=get_environment(plan)
    )
    if done.returncode:
        (plan.log / "failed.log").write_text(done.stderr)
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise SetupError(f"{module} ended with {done.returncode}: {lines[-1]}", _get_mend(plan))
    return done.stdout.strip()


def _get_mend(plan: Plan) -> str:
    return f"The whole message is in {plan.log / 'failed.log'}."
