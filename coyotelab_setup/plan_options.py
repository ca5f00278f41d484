"""The options that every command has: which CoyoteLab of this machine is meant."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .plan import GiB, get_state_folder, make_plan

Command = Callable[..., Any]


def with_plan(command: Command) -> Command:
    """Give a command the options every command has, as one plan."""

    @click.option("--engine", help="lxd or incus; what was set up before, else lxd.")
    @click.option("--project", help="Project of the engine (coyotelab).")
    @click.option("--network", help="Bridge of the workspaces (clbr0).")
    @click.option("--state", type=click.Path(path_type=Path), help="State folder (.coyotelab).")
    @click.option("--cache", type=click.Path(path_type=Path), help="Downloads (cache/ in state).")
    @functools.wraps(command)
    def wrapped(state: Path | None, cache: Path | None, **options: Any) -> Any:
        names = ("engine", "project", "network", "pool_size", "pool_device", "open_ports")
        chosen = {name: options.pop(name, None) for name in names}
        folder = (state or get_state_folder()).resolve()
        if cache:
            chosen["cache"] = cache.resolve()
        if chosen["pool_size"]:
            chosen["pool_size"] *= GiB
        return command(make_plan(folder, **chosen), **options)

    return wrapped
