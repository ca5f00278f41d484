"""The command line `coyotelab`: what the administrator does, each command in one sentence."""

import sys

import click

from . import backup_commands, clean, daemons, data, demo, doctor, image, machine, serving
from .api import EngineAPI
from .course_commands import courses
from .errors import SetupError
from .plan import Plan
from .plan_options import with_plan
from .steps import run_steps, say_failure
from .user_commands import users

SECTIONS = {
    "This machine": ("setup", "doctor", "image", "run", "demo", "clean"),
    "People and courses": ("user", "course"),
    "Data": ("db", "backup", "restore"),
}


class Sectioned(click.Group):
    """Lists its commands by what they are about."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section after the other; what is in none comes last."""
        named = [name for names in SECTIONS.values() for name in names]
        rest = tuple(name for name in self.list_commands(ctx) if name not in named)
        for title, names in {**SECTIONS, "Other": rest}.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, one.get_short_help_str(limit=70)) for name, one in found if one]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.group(cls=Sectioned)
def cli() -> None:
    """CoyoteLab: a real Linux machine per student and course, in the browser.

    Every command says more with --help. Exit codes: 0 done, 1 failed, 2 wrong usage.
    """


cli.add_command(users)
cli.add_command(courses)


@cli.command()
@with_plan
@click.option("--pool-size", type=int, help="GiB of the loop file (40 % of the free disk, 10-100).")
@click.option("--pool-device", help="A block device for the pool instead of a loop file.")
@click.option("--open-ports", help="Ports of this machine that workspaces reach (the Hub's).")
@click.option("--package", "extra", multiple=True, help="Another Debian package to install.")
def setup(plan: Plan, extra: tuple[str, ...]) -> None:
    """Set this machine up, or bring it up to date."""
    run_steps(machine.get_steps(plan, extra))


@cli.command("demo")
@with_plan
def run_demo(plan: Plan) -> None:
    """Set up, load the demonstration and run everything until Ctrl-C."""
    run_steps(demo.get_demo_steps(plan))
    serving.serve(plan, demo.welcome)


@cli.command("run")
@with_plan
@click.option("--without-tls", is_flag=True, help="Let people come by http, on this machine only.")
def run_site(plan: Plan, without_tls: bool) -> None:
    """Set up what is missing and run everything until Ctrl-C, without the demonstration.

    Example: COYOTELAB_PUBLIC_URL=https://lab.example.edu coyotelab run
    """
    if not without_tls:
        serving.require_tls(plan)
    run_steps(serving.get_serving_steps(plan))
    serving.serve(plan, serving.welcome)


@cli.command("doctor")
@with_plan
def examine(plan: Plan) -> None:
    """Show what is well, what is not, and the mend."""
    checks = doctor.examine(plan)
    for check in checks:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.said}")
        if not check.ok:
            click.echo(f"     {check.mend}")
    sys.exit(0 if all(check.ok for check in checks) else 1)


@cli.command("clean")
@with_plan
@click.option("--force", is_flag=True, help="Do not ask.")
def remove(plan: Plan, force: bool) -> None:
    """Remove everything the set-up made: workspaces, pool, network, state folder."""
    workspaces = clean.find_workspaces(plan)
    question = f"Remove CoyoteLab, its data and {len(workspaces)} workspaces from this machine?"
    if not force and not click.confirm(question):
        raise SetupError("Nothing was removed.")
    if daemons.answers(plan.engine):
        run_steps(clean.get_clean_steps(plan))
    else:
        raise SetupError(
            f"{plan.engine.title} does not answer, so its part cannot be removed.",
            f"Start {plan.engine.title}, then try again.",
        )


@cli.group("image")
def images() -> None:
    """Bases that courses start from."""


@images.command("build")
@with_plan
def build_image(plan: Plan) -> None:
    """Build the base if its recipe changed, and let new workspaces start from it."""
    run_steps(machine.get_steps(plan))


@images.command("list")
@with_plan
def list_images(plan: Plan) -> None:
    """List the bases; the current one has a star."""
    api = EngineAPI(plan.engine)
    current = image.find_base(api, plan, image.get_recipe())
    for one in api.in_project(plan.project).list("instances"):
        if one["config"].get(image.KIND) == "base":
            mark = "*" if one["name"] == current else " "
            click.echo(f"{mark} {one['name']}  {one['created_at'][:10]}")


@cli.group("db")
def database() -> None:
    """The service's database."""


@database.command("upgrade")
@with_plan
def upgrade_database(plan: Plan) -> None:
    """Bring the tables up to date."""
    data.ensure_folders(plan)
    data.upgrade(plan)


cli.add_command(backup_commands.save)
cli.add_command(backup_commands.put_back)
database.add_command(backup_commands.dump)
database.add_command(backup_commands.load)


def main() -> None:
    """Run the command line; a failure is a sentence, its mend, and exit code 1."""
    try:
        cli(standalone_mode=False)
    except SetupError as error:
        say_failure(error)
        sys.exit(1)
    except OSError as error:  # a file that cannot be read, a full disk
        say_failure(SetupError(f"{error}."))
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("\nInterrupted; the next run goes on from here.", file=sys.stderr)
        sys.exit(130)
