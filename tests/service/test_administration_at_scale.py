"""A large department: every admin page by a constant number of queries, and quickly."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from coyotelab_service import administration, history, people
from coyotelab_service.access import Person
from coyotelab_service.database import Database
from coyotelab_service.history import Filter
from coyotelab_service.orm import Enrollment
from coyotelab_service.people import Search
from coyotelab_service.site import Site

from ..large import COURSES, USERS, counting

ADMIN, SITE = Person("user0", admin=True), Site()
SECONDS = 3.0  # many times what a page takes, since tests run beside other work


WORK: dict[str, Callable[[Session], Any]] = {
    "counts": lambda s: administration.get_counts(s, ADMIN, SITE),
    "people": lambda s: people.list_accounts(s, ADMIN, SITE, Search()),
    "people, last page": lambda s: people.list_accounts(s, ADMIN, SITE, Search(page=10**6)),
    "people, by name": lambda s: people.list_accounts(s, ADMIN, SITE, Search(sort="-name")),
    "people, found": lambda s: people.list_accounts(
        s, ADMIN, SITE, Search("RSON 1", "instructors", "last_login")
    ),
    "account": lambda s: people.get_account(s, ADMIN, SITE, "user5"),
    "memberships": lambda s: people.list_memberships(s, ADMIN, SITE, "user5"),
    "courses": lambda s: administration.list_courses(s, ADMIN, SITE),
    "courses, found": lambda s: administration.list_courses(s, ADMIN, SITE, "person 1", 2),
    "bases": lambda s: administration.list_bases(s, ADMIN, SITE),
    "log": lambda s: history.list_events(s, ADMIN, SITE, Filter()),
    "log of one": lambda s: history.list_events(s, ADMIN, SITE, Filter(person="user5")),
    "log of a course": lambda s: history.list_events(s, ADMIN, SITE, Filter(course="c2", before=9)),
    "actions": lambda s: history.list_actions(s, ADMIN, SITE),
}


@pytest.mark.parametrize("name", WORK)
def test_a_page_asks_little_however_much_there_is(
    large: Database, small: Database, name: str
) -> None:
    counts = []
    for database in (small, large):
        with counting(database) as statements, database.transaction() as session:
            began = time.monotonic()
            WORK[name](session)
            took = time.monotonic() - began
        counts.append(len(statements))
    print(f"{name}: {counts[1]} queries, {1000 * took:.0f} ms")
    assert counts[0] == counts[1] <= 4, statements
    assert took < SECONDS


def test_the_pages_are_those_of_a_large_department(large: Database) -> None:
    with large.transaction() as session:
        first = people.list_accounts(session, ADMIN, SITE, Search())
        last = people.list_accounts(session, ADMIN, SITE, Search(page=10**6))
        never = people.list_accounts(session, ADMIN, SITE, Search(sort="last_login", page=10**6))
        courses = administration.list_courses(session, ADMIN, SITE, page=3)
        enrolled = session.scalars(select(Enrollment.course_id).filter_by(course_id=1)).all()
        found = administration.list_courses(session, ADMIN, SITE, "Course 0")
    assert (first.total, first.count, len(first.items)) == (USERS, 400, 50)
    assert last.number == 400 and last.items[-1].username == "user9999"
    assert never.items[-1].last_login is None, "who never came is last"
    assert courses.total == COURSES and len(courses.items) == 50
    assert found.items[0].students == len(enrolled) > 0
