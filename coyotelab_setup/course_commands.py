"""`coyotelab course`: what courses there are, and who is in one."""

import click

from .plan import Plan
from .state_options import with_json, with_state
from .table import make_list, print_table, show_json
from .work import ask


@click.group("course")
def courses() -> None:
    """Courses: list them, export one. They are made and edited on the pages."""


@courses.command("list")
@with_state
@click.option("--search", "text", default="", help="Part of a slug, name or instructor.")
@with_json
def show(plan: Plan, text: str, as_json: bool) -> None:
    """List the courses, those in use first.

    \b
    Examples:
      coyotelab course list
      coyotelab course list --search systems --json
    """
    found = ask(plan, "course list", text=text)
    if as_json:
        show_json(found)
    else:
        print_table(found, ("slug", "name", "instructor", "students", "base", "archived"))


@courses.command("export")
@with_state
@click.argument("slug")
@with_json
def export(plan: Plan, slug: str, as_json: bool) -> None:
    """Print who is and was in a course, as CSV; with --json the course itself too.

    \b
    Examples:
      coyotelab course export cs101 > cs101.csv
      coyotelab course export cs101 --json
    """
    found = ask(plan, "course export", slug=slug)
    if as_json:
        show_json(found)
    else:
        columns = ("username", "name", "email", "state")
        click.echo(make_list(found["students"], columns), nl=False)
