"""What the workspaces of one person are at the moment, in all their courses at once."""

from collections.abc import Iterable, Mapping

from .access import Person
from .courses import CourseView, list_courses
from .database import Database
from .errors import Unavailable
from .hub_api import HubApi


async def find_own_states(
    hub: HubApi, person: Person, found: Iterable[CourseView]
) -> Mapping[str, str]:
    """Return the state of this person's own workspace in each of their courses, by its slug.

    A Hub that does not answer hides no course: then every state is "unknown".
    """
    own = [course.slug for course in found if has_workspace(course)]
    try:
        servers = await hub.list_own_servers(person.username) if own else {}
    except Unavailable:
        return dict.fromkeys(own, "unknown")
    return {slug: servers[slug].state if slug in servers else "stopped" for slug in own}


async def read_own_states(database: Database, hub: HubApi, person: Person) -> Mapping[str, str]:
    """Return the same, of the courses the person has now."""
    return await find_own_states(hub, person, await database.run(list_courses, person))


def has_workspace(course: CourseView) -> bool:
    """Tell whether the person who asked for the course can have a workspace in it now."""
    return (course.teaching or course.attending) and not course.archived
