"""The tables: people, courses, enrollments, machines, and what was done by whom."""

from .audit import AuditEvent, OpenVisit
from .base import Base, utc_now
from .courses import Course, CourseInstructor, Enrollment, Invitation
from .machines import KeptMachine, Machine, MachineKind
from .people import LoginFailure, Role, User

__all__ = [
    "AuditEvent",
    "Base",
    "Course",
    "CourseInstructor",
    "Enrollment",
    "Invitation",
    "KeptMachine",
    "LoginFailure",
    "Machine",
    "MachineKind",
    "OpenVisit",
    "Role",
    "User",
    "utc_now",
]
