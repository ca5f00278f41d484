"""`coyotelab user`: accounts made, listed and changed by the administrator of the machine."""

import sys
from pathlib import Path
from typing import Any

import click

from .errors import SetupError
from .plan import Plan
from .secret_file import write_secret
from .state_options import with_json, with_state
from .table import make_list, print_table, show_json
from .work import ask

LARGEST = 1024 * 1024  # bytes of a list of people
Role = click.Choice(["student", "instructor"])


@click.group("user")
def users() -> None:
    """Accounts: add, import, list, disable, roles, new passwords.

    Administrators are named in jupyterhub_config.py (c.Authenticator.admin_users). What these
    commands do is in the log of the admin area, as root of this machine.
    """


@users.command("add")
@with_state
@click.argument("username")
@click.option("--name", default="", help="The person's name.")
@click.option("--email", default="", help="Their e-mail address.")
@click.option("--role", "roles", type=Role, multiple=True, help="Once for each; student if none.")
@click.option("--password-stdin", is_flag=True, help="A lasting password: the first line of stdin.")
@click.option("--campus", is_flag=True, help="No password: only the campus login opens it.")
def add(plan: Plan, roles: tuple[str, ...], password_stdin: bool, **facts: Any) -> None:
    """Make an account; prints its temporary password, this once.

    \b
    Examples:
      coyotelab user add student7 --name "Sara Stein" --email sara@example.edu
      coyotelab user add irene --role instructor
      coyotelab user add admin --password-stdin < secret
    """
    if password_stdin and facts["campus"]:
        raise click.UsageError("--password-stdin and --campus exclude each other.")
    password = _read_password() if password_stdin else ""
    made = ask(plan, "user add", roles=list(roles) or ["student"], password=password, **facts)
    click.echo(f"Account {made['username']} is there.")
    _show_password(made)


@users.command("import")
@with_state
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--role", "roles", type=Role, multiple=True, help="Once for each; student if none.")
@click.option("--yes", is_flag=True, help="Do it; without this it is only shown.")
@click.option(
    "--passwords",
    type=click.Path(dir_okay=False, path_type=Path),
    help="New file (0600) for the temporary passwords, instead of standard output.",
)
def load(plan: Plan, file: Path, roles: tuple[str, ...], yes: bool, passwords: Path | None) -> None:
    """Make the accounts of a CSV file, all or none; first shows what it comes to.

    The first line names the columns: username, name, email. Accounts that exist are left alone.

    \b
    Examples:
      coyotelab user import people.csv
      coyotelab user import people.csv --yes --passwords new-passwords.csv
    """
    if passwords and passwords.exists():
        raise SetupError(f"{passwords} exists already.", "Name a new file for the passwords.")
    text = _read_text(file)
    rows = ask(plan, "user import plan", text=text)
    problems = [row for row in rows if row["outcome"] == "problem"]
    for row in problems:
        click.echo(f"Line {row['line']}: {row['problem']}", err=True)
    if problems:
        raise SetupError(f"{len(problems)} of {len(rows)} lines have a problem; nothing was done.")
    new = [row for row in rows if row["outcome"] == "new"]
    there = len(rows) - len(new)
    if not yes:
        print_table(rows, ("line", "username", "name", "email", "outcome"))
        click.echo(f"{len(new)} new accounts, {there} there already. --yes makes them.")
        return
    if passwords:
        write_secret(passwords, "")  # where it cannot be written, no account is made
    made = ask(plan, "user import", text=text, roles=list(roles) or ["student"])
    content = make_list(made, ("username", "name", "email", "password"))
    if passwords:
        write_secret(passwords, content)
    else:
        click.echo(content, nl=False)
    click.echo(f"{len(made)} accounts made, {there} there already.", err=True)


@users.command("reset-password")
@with_state
@click.argument("username")
def reset_password(plan: Plan, username: str) -> None:
    """Give somebody a temporary password; prints it, this once.

    \b
    Example:
      coyotelab user reset-password student7
    """
    _show_password(ask(plan, "user reset-password", username=username))


@users.command("list")
@with_state
@click.option("--search", "text", default="", help="Part of a name, user name or address.")
@click.option("--show", type=click.Choice(["instructors", "campus", "disabled"]), default=None)
@with_json
def show(plan: Plan, text: str, show: str | None, as_json: bool) -> None:
    """List the accounts.

    \b
    Examples:
      coyotelab user list --search stein
      coyotelab user list --show disabled --json
    """
    found = ask(plan, "user list", text=text, show=show or "")
    if as_json:
        show_json(found)
    else:
        print_table(found, ("username", "name", "email", "roles", "disabled", "last_login"))


@users.command("disable")
@with_state
@click.argument("username")
def disable(plan: Plan, username: str) -> None:
    """Close an account: sessions end and workspaces stop within a minute; nothing is deleted.

    \b
    Example:
      coyotelab user disable student7
    """
    ask(plan, "user disable", username=username, disabled=True)
    click.echo(f"{username} is disabled.")


@users.command("enable")
@with_state
@click.argument("username")
def enable(plan: Plan, username: str) -> None:
    """Open an account again that was disabled.

    \b
    Example:
      coyotelab user enable student7
    """
    ask(plan, "user disable", username=username, disabled=False)
    click.echo(f"{username} is enabled.")


@users.command("role")
@with_state
@click.argument("username")
@click.option("--add", type=Role, multiple=True, help="Give this role.")
@click.option("--remove", type=Role, multiple=True, help="Take this role.")
def role(plan: Plan, username: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Show somebody's roles, give some, take others.

    \b
    Examples:
      coyotelab user role irene
      coyotelab user role irene --add instructor --remove student
    """
    found = ask(plan, "user role", username=username, add=list(add), remove=list(remove))
    click.echo(f"{found['username']}: {found['roles']}")


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise SetupError("There is no password on standard input.", "Its first line has to be one.")
    return password


def _read_text(file: Path) -> str:
    content = file.read_bytes()[: LARGEST + 1]
    if len(content) > LARGEST:
        raise SetupError(f"{file} is larger than 1 MiB.", "Split it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SetupError(f"{file} is not a text in UTF-8.", "Save it as CSV in UTF-8.") from error


def _show_password(account: dict[str, Any]) -> None:
    if account["password"]:
        click.echo(f"Temporary password: {account['password']}")
        click.echo("It is shown this once and has to be changed at the first login.", err=True)
