"""Who gets an answer from which page and REST route of the service: the access rules from outside.

One table for two tests: tests/service asks a service beside a stand-in for the Hub, and
tests/integration the running product. A route of the service that is not in it fails both.
"""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass

from coyotelab_service.routes import API, PAGES

# The demonstration's people, and four more; what they are to cs101.
ADMIN, TEACHER, OTHER_TEACHER = "admin", "instructor1", "instructor2"
STUDENT, CLASSMATE, STRANGER, DROPPED = "student1", "student2", "student3", "student4"
CO_TEACHER = "coteacher"  # teaches cs101 beside instructor1, and attends cs202
BOTH = "bothways"  # attends cs101, and teaches cs202 beside instructor2
CLOSED = "closed"  # attends cs101, with an account that is disabled
NEWCOMERS = (CO_TEACHER, BOTH, CLOSED)
CO_TEACHERS = {"cs101": CO_TEACHER, "cs202": BOTH}
ATTENDING = {"cs101": (BOTH, CLOSED), "cs202": (CO_TEACHER,), "attic": (STUDENT,)}
# A course of instructor1 that has been put away, with student1 in it.
ATTIC: dict[str, object] = {"name": "A course in the attic", "slug": "attic"}

NOBODY = frozenset[str]()
EVERYBODY = frozenset(
    {ADMIN, TEACHER, OTHER_TEACHER, STUDENT, CLASSMATE, STRANGER, DROPPED, *NEWCOMERS}
)
TEACHERS = frozenset({TEACHER, CO_TEACHER})
EDITORS = TEACHERS | {ADMIN}
APPOINTERS = frozenset({TEACHER, ADMIN})
MEMBERS = TEACHERS | {STUDENT, CLASSMATE, BOTH}
OWNER = frozenset({STUDENT})
MAKERS = frozenset({TEACHER, OTHER_TEACHER, CO_TEACHER, BOTH, ADMIN})
ADMINS = frozenset({ADMIN})
# Of the course in the attic, and of cs202.
IN_THE_ATTIC = frozenset({TEACHER, ADMIN})
EDITORS_202 = frozenset({OTHER_TEACHER, BOTH, ADMIN})


@dataclass(frozen=True)
class Row:
    """One request; whoever is not in `who` is told that there is nothing.

    `machine`: it does something to a machine, so the running product is asked once, by one.
    `told`: who is told in other words that it is missing, since they may know.
    """

    method: str
    path: str
    who: Set[str]
    body: dict[str, object] | None = None
    machine: bool = False
    told: Set[str] = NOBODY

    def fill(self, person: str) -> dict[str, object] | None:
        """Return the body that this person sends."""
        if not self.body:
            return self.body
        return {
            key: value.replace("ME", person) if isinstance(value, str) else value
            for key, value in self.body.items()
        }


NEW_COURSE: dict[str, object] = {"name": "Brand New", "slug": "new-ME", "instructor": TEACHER}
ONE, ATTIC_ONE = "workspaces/cs101/student1", "workspaces/attic/student1"
PAGE_ROWS = [
    Row("GET", "", EVERYBODY),
    Row("GET", "states", EVERYBODY),
    Row("GET", "account/password", EVERYBODY),
    Row("GET", "account/tokens", EVERYBODY),
    Row("POST", "account/tokens", EVERYBODY, {"days": "7"}),
    Row("GET", "admin", ADMINS),
    Row("GET", "admin/users", ADMINS),
    Row("GET", "admin/users/new", ADMINS),
    Row("POST", "admin/users/new", ADMINS, {"username": "somebody", "campus": "y"}),
    Row("GET", "admin/users/student1", ADMINS),
    Row("POST", "admin/users/student1", ADMINS, {"do": "enable"}),
    Row("GET", "admin/courses", ADMINS),
    Row("GET", "admin/bases", ADMINS),
    Row("GET", "admin/workspaces", ADMINS),
    Row("GET", "admin/limits", ADMINS),
    Row("GET", "admin/audit", ADMINS),
    Row("GET", "admin/audit.csv", ADMINS),
    Row("GET", "admin/users/nosuchperson", NOBODY, told=ADMINS),
    Row("GET", "courses/new", MAKERS),
    Row("POST", "courses/new", MAKERS, NEW_COURSE),
    Row("GET", "courses/cs101", MEMBERS | {ADMIN}),
    Row("GET", "courses/cs101/edit", EDITORS),
    Row("POST", "courses/cs101/edit", EDITORS, {"preview": "true"}),
    Row("GET", "courses/cs101/archive", EDITORS),
    Row("POST", "courses/cs101/archive", EDITORS, {"archived": "false"}),
    Row("GET", "courses/cs101/instructors", APPOINTERS),
    Row("POST", "courses/cs101/instructors", APPOINTERS, {"do": "add", "username": OTHER_TEACHER}),
    Row(
        "POST", "courses/cs101/instructors", APPOINTERS, {"do": "remove", "username": OTHER_TEACHER}
    ),
    Row("GET", "courses/cs101/students", EDITORS),
    Row("POST", "courses/cs101/students", EDITORS, {"username": CLASSMATE, "enabled": "true"}),
    Row("GET", "courses/cs101/states?of=student1", EDITORS),
    Row("GET", "courses/cs101/students/add", EDITORS),
    Row("POST", "courses/cs101/students/add", EDITORS, {"username": CLASSMATE}),
    Row("GET", "courses/cs101/students/email", EDITORS),
    Row("GET", "courses/cs101/students/export", EDITORS),
    Row("GET", "courses/cs101/students/import", EDITORS),
    Row("POST", "courses/cs101/students/import", EDITORS, {"text": CLASSMATE}),
    # A preview, and passwords, are of whoever made them; test_roster_import.py has the rest.
    Row("GET", "courses/cs101/students/import/of-nobody", NOBODY, told=EDITORS),
    Row("POST", "courses/cs101/students/import/of-nobody", NOBODY, told=EDITORS),
    Row("GET", "courses/cs101/students/passwords/of-nobody", EDITORS),
    Row("POST", "courses/cs101/students/passwords/of-nobody", EDITORS),
    Row("POST", "courses/cs101/students/invitations", NOBODY, {"email": "nobody@example.edu"}),
    Row("GET", ONE, OWNER | TEACHERS, machine=True),
    Row("GET", f"{ONE}/download", OWNER | TEACHERS, machine=True),
    Row("GET", f"{ONE}/log", OWNER | TEACHERS | {ADMIN}),
    Row("GET", f"{ONE}/progress", OWNER | TEACHERS, machine=True),
    Row("GET", f"{ONE}/restart", OWNER | TEACHERS),
    Row("POST", f"{ONE}/restart", OWNER | TEACHERS, machine=True),
    Row("GET", f"{ONE}/reset", OWNER),
    Row("POST", f"{ONE}/reset", OWNER, machine=True),
    Row("GET", f"{ONE}/undo", OWNER),
    Row("POST", f"{ONE}/undo", OWNER, machine=True),
    # Without a name it is one's own.
    Row("GET", "workspaces/cs101", EVERYBODY),  # leads to it, wherever that leads
    Row("GET", "workspaces/cs101/download", MEMBERS, machine=True),
    Row("GET", "workspaces/cs101/log", MEMBERS),
    Row("GET", "workspaces/cs101/progress", MEMBERS, machine=True),
    Row("GET", "workspaces/cs101/restart", MEMBERS),
    Row("POST", "workspaces/cs101/restart", MEMBERS, machine=True),
    Row("GET", "workspaces/cs101/reset", MEMBERS),
    Row("POST", "workspaces/cs101/reset", MEMBERS, machine=True),
    Row("GET", "workspaces/cs101/undo", MEMBERS),
    Row("POST", "workspaces/cs101/undo", MEMBERS, machine=True),
    Row(
        "POST", "admin/workspaces", ADMINS, {"course": "cs101", "user": STUDENT}, machine=True
    ),  # stops it
    # Those of instructors, somebody dropped or disabled, and what does not exist.
    Row("GET", "workspaces/cs101/instructor1", {TEACHER}, machine=True),
    Row("GET", "workspaces/cs101/instructor1/log", APPOINTERS),
    Row("GET", "workspaces/cs101/coteacher/download", {CO_TEACHER}, machine=True),
    Row("GET", "workspaces/cs101/coteacher/log", {CO_TEACHER, ADMIN}),
    Row("GET", "workspaces/cs101/student4/log", NOBODY),
    Row("GET", "workspaces/cs101/student4", NOBODY),
    Row("GET", "workspaces/cs101/student3", NOBODY),
    Row("GET", "workspaces/cs101/closed", NOBODY),
    Row("GET", "workspaces/cs101/closed/download", NOBODY),
    Row("GET", "workspaces/cs101/nosuchperson", NOBODY),
    Row("GET", "workspaces/nosuchcourse/student1", NOBODY),
    Row("GET", "courses/nosuchcourse", NOBODY),
    Row("GET", "courses/nosuchcourse/edit", NOBODY),
    # Of another course they are something else.
    Row("GET", "courses/cs202", EDITORS_202 | {CLASSMATE, CO_TEACHER}),
    Row("GET", "courses/cs202/edit", EDITORS_202),
    Row("GET", "courses/cs202/students", EDITORS_202),
    Row("GET", "courses/cs202/instructors", {OTHER_TEACHER, ADMIN}),
    Row("GET", "workspaces/cs202/student2/log", EDITORS_202 | {CLASSMATE}),
    Row("GET", "workspaces/cs202/student2/reset", {CLASSMATE}),
    Row("GET", "workspaces/cs202/coteacher/log", EDITORS_202 | {CO_TEACHER}),
    Row("GET", "workspaces/cs202/bothways/log", {BOTH, ADMIN}),
    # A course in the attic can be looked at, and nothing starts in it.
    Row("GET", "courses/attic", IN_THE_ATTIC | {STUDENT}),
    Row("GET", "courses/attic/edit", IN_THE_ATTIC),
    Row("GET", "courses/attic/archive", IN_THE_ATTIC),
    Row("GET", "courses/attic/students", IN_THE_ATTIC),
    Row("GET", f"{ATTIC_ONE}/log", IN_THE_ATTIC | {STUDENT}),
    Row("GET", ATTIC_ONE, NOBODY),
    Row("GET", f"{ATTIC_ONE}/download", NOBODY),
    Row("GET", f"{ATTIC_ONE}/progress", NOBODY),
    Row("GET", f"{ATTIC_ONE}/restart", NOBODY),
    Row("POST", f"{ATTIC_ONE}/restart", NOBODY),
    Row("GET", f"{ATTIC_ONE}/reset", NOBODY),
    Row("POST", f"{ATTIC_ONE}/reset", NOBODY),
    Row("GET", f"{ATTIC_ONE}/undo", NOBODY),
    Row("POST", f"{ATTIC_ONE}/undo", NOBODY),
]
PLACE, ATTIC_PLACE = "courses/cs101/workspaces/student1", "courses/attic/workspaces/student1"
API_ROWS = [
    Row("GET", "courses", EVERYBODY),
    Row("POST", "courses", MAKERS - {ADMIN}, {"name": "Brand New", "slug": "rest-ME"}),
    Row("GET", "courses/cs101", MEMBERS | {ADMIN}),
    Row("PATCH", "courses/cs101", EDITORS, {"idle_minutes": 7}),
    Row("GET", "courses/cs101/enrollments", EDITORS),
    Row("POST", "courses/cs101/enrollments", EDITORS, {"username": CLASSMATE}),
    Row("PATCH", "courses/cs101/enrollments/student2", EDITORS, {"enabled": True}),
    Row("GET", "courses/cs101/workspaces", MEMBERS | {ADMIN}),
    Row("GET", PLACE, OWNER | TEACHERS | {ADMIN}),
    Row("POST", f"{PLACE}/start", OWNER | TEACHERS, machine=True),
    Row("GET", f"{PLACE}/archive", OWNER | TEACHERS, machine=True),
    Row("POST", f"{PLACE}/restart", OWNER | TEACHERS, machine=True),
    Row("POST", f"{PLACE}/reset", OWNER, machine=True),
    Row("POST", f"{PLACE}/undo", OWNER, machine=True),
    Row("POST", f"{PLACE}/stop", OWNER | TEACHERS | {ADMIN}, machine=True),
    Row("GET", "courses/cs101/workspaces/coteacher", {CO_TEACHER, ADMIN}),
    Row("GET", "courses/cs101/workspaces/student4", NOBODY),
    Row("POST", "courses/cs101/workspaces/student4/start", NOBODY),
    Row("POST", "courses/cs101/workspaces/closed/start", NOBODY),
    Row("GET", "courses/cs202", EDITORS_202 | {CLASSMATE, CO_TEACHER}),
    Row("GET", "courses/cs202/enrollments", EDITORS_202),
    Row("GET", "courses/cs202/workspaces/student2", EDITORS_202 | {CLASSMATE}),
    Row("GET", "courses/attic", IN_THE_ATTIC | {STUDENT}),
    Row("GET", ATTIC_PLACE, IN_THE_ATTIC | {STUDENT}),
    Row("POST", f"{ATTIC_PLACE}/start", NOBODY),
    Row("POST", f"{ATTIC_PLACE}/restart", NOBODY),
    Row("POST", f"{ATTIC_PLACE}/reset", NOBODY),
    Row("POST", f"{ATTIC_PLACE}/undo", NOBODY),
    Row("GET", f"{ATTIC_PLACE}/archive", NOBODY),
    Row("POST", f"{ATTIC_PLACE}/stop", IN_THE_ATTIC | {STUDENT}, machine=True),
    Row("GET", "courses/nosuchcourse", NOBODY),
    Row("PATCH", "courses/nosuchcourse", NOBODY, {"name": "Mine"}),
]
# What is answered to everybody, and tells nobody anything.
OPEN_TO_ALL = {"language", "logout", "oauth_callback", "api/health", r"api/openapi\.json"}
# Neither here nor there: what there is no route for.
NO_ROUTE = ("no/such/page", "api/nothing")


def find_unknown_routes() -> list[str]:
    """Return the routes of the service of which the table does not say who is answered."""
    asked = [row.path.partition("?")[0] for row in PAGE_ROWS]
    asked += ["api/" + row.path for row in API_ROWS]
    routes: Iterable[str] = [*PAGES, *API]
    spared = OPEN_TO_ALL | {"api(?:/.*)?"}
    return [
        route
        for route in routes
        if route not in spared and not any(re.fullmatch(route, path) for path in asked)
    ]


def find_unknown_methods() -> list[str]:
    """Return the methods of routes that are answered, and of which the table says nothing."""
    rows = [(row.method, row.path.partition("?")[0]) for row in PAGE_ROWS]
    rows += [(row.method, "api/" + row.path) for row in API_ROWS]
    unknown = []
    for route, handler in {**API, **PAGES}.items():
        for method in ("get", "post", "put", "patch", "delete"):
            answered = "_unimplemented" not in getattr(handler, method).__qualname__
            known = any(method.upper() == m and re.fullmatch(route, path) for m, path in rows)
            if answered and not known and route not in OPEN_TO_ALL:
                unknown.append(f"{method.upper()} {route}")
    return unknown


def strip_own_address(page: str) -> str:
    """Return a page without what may differ between two that say the same: where they stand."""
    page = re.sub(r'back=[^"&]*', "back=", page)
    return re.sub(r'name="_xsrf" value="[^"]*"', "", page)
