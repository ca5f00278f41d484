"""Every page of the service as each kind of person sees it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from coyotelab_service.orm import Machine, utc_now
from coyotelab_spawner.errors import Unreachable
from coyotelab_spawner.meters import Usage

from .conftest import Site

LIST = """username,name,email
sofia,Sofía Núñez,sofia@example.edu
student2,Someone Else,student2@example.edu
student4,,
new-person,Newly Arrived With Quite A Long Name,newly.arrived.with.a.long.address@example.edu
"""
WRONG_LIST = "username,name,email\nsofia,Sofía Núñez,not-an-address\nno such person,,\nstudent2,,\n"


@dataclass(frozen=True)
class Look:
    """One page as one person sees it; `prepare` puts the site into the state that it shows."""

    name: str
    person: str
    path: str
    status: int = 200
    prepare: Callable[[Site], object] = lambda site: None
    typed: tuple[tuple[str, str], ...] = ()  # into what, by selector; before the click
    click: str = ""  # a selector, to open something on the page or to send its form
    lands: str = ""  # a page that this leads to, such as with a name made up for it


def run_one(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready")
    site.hub.server("student1", "cs303", "spawn")


def start_slowly(site: Site) -> None:
    run_one(site)
    site.hub.silent = asyncio.Event()


def run_many(site: Site) -> None:
    for number in range(1, 9):
        state = ("ready", "spawn", "stop", "ready")[number % 4]
        site.hub.server(f"person{number:03}", "lecture", state)


def measure(site: Site) -> None:
    with site.database.transaction() as session:
        names = [machine.name for machine in session.query(Machine).filter_by(kind="workspace")]
    long_ago = utc_now() - timedelta(hours=5)
    for name in names:
        site.lxd.usage[name] = Usage(
            memory=41_300_000, cpu=93.4, disk=2_150_000_000, processes=23, since=long_ago
        )


def break_engine(site: Site) -> None:
    site.lxd.usage.clear()
    site.lxd.fault, site.lxd.fault_at = Unreachable("gone"), "measure"


def break_hub(site: Site) -> None:
    site.hub.down = True


STUDENTS, LECTURE = "courses/cs101/students", "courses/lecture/students"
MENU = ".coyote-menu > summary"
SUBMIT = "main form[method=post] button[type=submit]"
LOOKS = [
    # A student.
    Look("courses", "student1", "", prepare=run_one),
    Look("courses-past", "student1", "", click=".coyote-more > summary"),
    Look("courses-menu", "student1", "", click=MENU),
    Look("courses-none", "student3", ""),
    Look("course", "student1", "courses/cs101", prepare=run_one),
    Look("course-to-come", "student1", "courses/cs404"),
    Look("opening-steps", "student1", "workspaces/cs303?wait=1", prepare=start_slowly),
    Look("opening", "student1", "workspaces/cs404/student1?wait=1"),
    Look("restart", "student1", "workspaces/cs101/restart"),
    Look("reset", "student1", "workspaces/cs101/reset"),
    Look("undo", "student1", "workspaces/cs101/undo"),
    Look("undo-none", "student1", "workspaces/cs404/undo"),
    Look("log", "student1", "workspaces/cs101/log"),
    Look("log-empty", "student1", "workspaces/cs404/log"),
    Look("tokens", "student1", "account/tokens"),
    Look("tokens-made", "student1", "account/tokens", click=SUBMIT),
    Look("not-found", "student1", "courses/nothing", status=404),
    Look("refused", "student1", "language?to=xx", status=400),
    Look("not-answering", "student1", "workspaces/cs303", status=503, prepare=break_hub),
    Look("courses-unknown", "student2", "", prepare=break_hub),
    # An instructor.
    Look("courses-teaching", "instructor1", ""),
    Look("course-teaching", "instructor1", "courses/cs101"),
    Look("opening-visit", "instructor1", "workspaces/cs101/student1?wait=1"),
    Look("restart-visit", "instructor1", "workspaces/cs101/student1/restart"),
    Look("log-visit", "instructor1", "workspaces/cs101/student1/log"),
    Look("course-new", "instructor1", "courses/new"),
    Look("course-new-wrong", "instructor1", "courses/new", click=SUBMIT),
    Look("course-edit", "instructor1", "courses/cs101/edit"),
    Look("course-preview", "instructor1", "courses/cs101/edit", click="button[name=preview]"),
    Look("course-instructors", "instructor1", "courses/cs101/instructors"),
    Look(
        "course-instructors-wrong",
        "instructor1",
        "courses/cs101/edit",
        typed=(("#add-username", "student1"),),
        click="button[value=add]",
    ),
    Look("course-archive", "instructor1", "courses/cs101/archive"),
    Look("course-take-back", "instructor1", "courses/old-one/archive"),
    Look("students", "instructor1", STUDENTS),
    Look("students-many", "instructor1", LECTURE, prepare=run_many),
    Look("students-page", "instructor1", f"{LECTURE}?page=3&sort=active"),
    Look("students-search", "instructor1", f"{LECTURE}?q=person01"),
    Look("students-none-fit", "instructor1", f"{LECTURE}?q=zzz"),
    Look("students-dropped", "instructor1", f"{LECTURE}?show=dropped"),
    Look("students-invited", "instructor1", f"{LECTURE}?show=invited"),
    Look("students-changed", "instructor1", f"{STUDENTS}?changed=student4"),
    Look("students-empty", "instructor1", "courses/cs100/students"),
    Look("students-archived", "instructor1", "courses/old-one/students"),
    Look("students-add", "instructor1", f"{STUDENTS}/add"),
    Look(
        "students-add-wrong",
        "instructor1",
        f"{STUDENTS}/add",
        typed=(("#username", "No Such Person"),),
        click=SUBMIT,
    ),
    Look("students-email", "instructor1", f"{LECTURE}/email"),
    Look("students-email-none", "instructor1", "courses/cs100/students/email"),
    Look("students-import", "instructor1", f"{STUDENTS}/import"),
    Look("students-import-wrong", "instructor1", f"{STUDENTS}/import", click=SUBMIT),
    Look(
        "students-preview",
        "instructor1",
        f"{STUDENTS}/import",
        typed=(("#text", LIST),),
        click=SUBMIT,
        lands=f"{STUDENTS}/import/",
    ),
    Look(
        "students-preview-wrong",
        "instructor1",
        f"{STUDENTS}/import",
        typed=(("#text", WRONG_LIST),),
        click=SUBMIT,
    ),
    Look(
        "students-password",
        "instructor1",
        f"{STUDENTS}/add",
        typed=(
            ("#username", "nora"),
            ("#name", "Nora Nueva"),
            ("#email", "nora@example.edu"),
        ),
        click=SUBMIT,
        lands=f"{STUDENTS}/passwords/",
    ),
    Look("students-passwords-gone", "instructor1", f"{STUDENTS}/passwords/of-nobody"),
    # An administrator.
    Look("courses-admin", "admin", ""),
    Look("course-admin", "admin", "courses/cs101"),
    Look("students-admin", "admin", STUDENTS),
    Look("course-new-admin", "admin", "courses/new"),
    Look("admin", "admin", "admin"),
    Look("admin-not-well", "admin", "admin", prepare=break_engine),
    Look("admin-users", "admin", "admin/users"),
    Look("admin-users-page", "admin", "admin/users?sort=-name&page=2"),
    Look("admin-users-none", "admin", "admin/users?q=zzz"),
    Look("admin-user-new", "admin", "admin/users/new"),
    Look(
        "admin-user-new-wrong",
        "admin",
        "admin/users/new",
        typed=(("#username", "student1"),),
        click=SUBMIT,
    ),
    Look(
        "admin-user-password",
        "admin",
        "admin/users/new",
        typed=(("#username", "ada"),),
        click=SUBMIT,
    ),
    Look("admin-user", "admin", "admin/users/student1"),
    Look("admin-courses", "admin", "admin/courses"),
    Look("admin-courses-none", "admin", "admin/courses?q=zzz"),
    Look("admin-bases", "admin", "admin/bases"),
    Look("admin-workspaces", "admin", "admin/workspaces", prepare=measure),
    Look("admin-workspaces-none", "admin", "admin/workspaces"),
    Look("admin-limits", "admin", "admin/limits"),
    Look("admin-audit", "admin", "admin/audit"),
    Look("admin-audit-none", "admin", "admin/audit?person=zzz"),
]
# What shows no page of its own: data, files, streams, and ways to somewhere else.
NOT_SEEN = {
    "states",
    "courses/([^/]+)/states",
    "courses/([^/]+)/students/export",
    "courses/([^/]+)/students/invitations",
    r"admin/audit\.csv",
    "account/password",
    "language",
    "logout",
    "oauth_callback",
}
NOT_SEEN_BELOW = ("/download", "/progress")
