"""The term in which the pages are looked at: courses of all ages, many students, a past."""

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
