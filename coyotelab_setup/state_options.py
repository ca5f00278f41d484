"""The options of commands that deal with the database alone."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .plan import get_state_folder, make_plan

Command = Callable[..., Any]


def with_state(command: Command) -> Command:
    """Give a command the one option that such commands need, as a plan."""

    @click.option("--state", type=click.Path(path_type=Path), help="State folder (.coyotelab).")
    @functools.wraps(command)
    def wrapped(state: Path | None, **options: Any) -> Any:
        return command(make_plan((state or get_state_folder()).resolve()), **options)

    return wrapped


with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
