"""The commands that save everything and put it back."""

import sys
from pathlib import Path

import click

from . import backup, database_copy, preflight, restore
from .plan import Plan
from .plan_options import with_plan
from .steps import run_steps

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("backup")
@with_plan
@click.argument("folder", type=FOLDER)
def save(plan: Plan, folder: Path) -> None:
    """Save databases, secrets, bases and workspaces as a new set in FOLDER.

    People may go on working. FOLDER should be on another disk. Example:

        coyotelab backup /mnt/backup/coyotelab
    """
    target, failed = backup.make_backup(plan, folder.resolve())
    click.echo(f"Saved as {target}")
    for sentence in failed:
        click.echo(f"Not saved: {sentence}", err=True)
    sys.exit(1 if failed else 0)


@click.command("restore")
@with_plan
@click.argument("saved", type=FOLDER)
def put_back(plan: Plan, saved: Path) -> None:
    """Put a set onto this machine, which must have no workspaces; sets it up first.

    Example: coyotelab restore /mnt/backup/coyotelab/2026-11-25T220000Z
    """
    run_steps(restore.get_restore_steps(plan, saved.resolve()))


@click.command("backup")
@with_plan
@click.argument("file", type=FILE)
def dump(plan: Plan, file: Path) -> None:
    """Write the service's database to FILE, while it is in use."""
    database_copy.dump_service(plan, file.resolve())
    click.echo(f"Saved as {file}")


@click.command("restore")
@with_plan
@click.argument("file", type=FILE)
@click.confirmation_option(prompt="This replaces the present database. Go on?")
def load(plan: Plan, file: Path) -> None:
    """Put the service's database back from FILE; CoyoteLab must be stopped."""
    preflight.require(preflight.check_ports(plan))
    database_copy.restore_service(plan, file.resolve())
    click.echo("Restored. Start CoyoteLab; tables of an older version are brought up to date.")
