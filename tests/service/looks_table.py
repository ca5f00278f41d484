"""Every page of the service as each kind of person sees it, and the term that it is seen in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from coyotelab_service import idle
from coyotelab_service.orm import (
    AuditEvent,
    Course,
    Enrollment,
    Invitation,
    KeptMachine,
    Machine,
    Role,
    User,
    utc_now,
)
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
    Look("opening-steps", "student1", "workspaces/cs303?wait=1", prepare=run_one),
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
    Look("not-answering", "student2", "", status=503, prepare=lambda s: setattr(s.hub, "down", 1)),
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


def fill(session: Session) -> None:
    """Courses that are over, that are to come, and with long names; a term in the present."""
    student, teacher = User.get(session, "student1"), User.get(session, "instructor1")
    assert student and teacher
    student.name, teacher.name = "Sam Student", "Dr. Inés Maestra"
    teacher.email = "ines@example.edu"
    student.add_role(Role.STUDENT)
    today = date.today()
    now = Course.get(session, "cs101")
    assert now
    now.start_date, now.end_date = today - timedelta(60), today + timedelta(60)
    now.webpage = "https://example.edu/courses/introduction-to-systems-programming/spring"
    now.description = "You write **small programs** in C.\n\n- Bring `gdb`\n- Labs on Fridays\n"
    other = User.get(session, "instructor2")
    assert other
    now.co_instructors.append(other)
    for slug, name, start, end in [
        ("cs303", "Parallel and Distributed Programming with Very Long Course Names", -30, 90),
        ("cs404", "Databases", 20, 120),
        ("cs050", "Programming in C", -400, -250),
        ("cs100", "Operating Systems", -30, 90),
    ]:
        course = Course(slug=slug, name=name, instructor=teacher, base=now.base)
        course.start_date, course.end_date = today + timedelta(start), today + timedelta(end)
        session.add_all([course, Enrollment(user=student, course=course, enabled=slug != "cs100")])
    old = Course(slug="old-one", name="Assembler", instructor=teacher, base=now.base)
    old.archived = True
    session.add(old)
    fill_lecture(session, teacher, now)
    fill_past(session, student, teacher, now)


def fill_lecture(session: Session, teacher: User, like: Course) -> None:
    """A course of 300."""
    lecture = Course(slug="lecture", name="A Large Lecture", instructor=teacher, base=like.base)
    session.add(lecture)
    for number in range(1, 301):
        name = f"Person {number:03} of the Very Long Family Names" if number % 7 else ""
        user = User(username=f"person{number:03}", name=name, roles=int(Role.STUDENT))
        user.email = f"person{number:03}.of.the.very.long.family.names@students.example.edu"
        user.disabled = number == 2
        session.add(Enrollment(user=user, course=lecture, enabled=number % 50 != 3))
    session.add_all(
        Invitation(course=lecture, email=f"guest{n}@example.edu", name="A Guest" * (n % 2))
        for n in range(3)
    )


def fill_past(session: Session, student: User, teacher: User, course: Course) -> None:
    """What has happened to one workspace: visits, stops, and machines that were put aside."""
    session.flush()
    machine = Machine.get_or_create(session, student, course)
    machine.last_active = utc_now() - timedelta(hours=3)
    assert machine.base_machine_id
    for number in (1, 2):
        row = KeptMachine(machine=machine, name=f"{machine.name}-old-{number}", uuid=str(number))
        row.base_machine_id = machine.base_machine_id
        row.created_at = utc_now() - timedelta(days=number)
        row.expires_at = utc_now() + timedelta(days=7 - number)
        session.add(row)
    for actor, action, detail in [
        (student, "open", ""),
        (teacher, "enter", ""),
        (teacher, "leave", ""),
        (student, "reset", "everything"),
        (None, idle.STOPPED, f"{idle.IDLE} 30"),
    ]:
        event = AuditEvent(actor=actor.username if actor else "", action=action, detail=detail)
        event.actor_id, event.owner_id = actor and actor.id, student.id
        event.course_id, event.origin = course.id, "2001:db8::8a2e:370:7334" if actor else ""
        event.workspace = machine.name
        session.add(event)
