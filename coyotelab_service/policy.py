"""The spawner's question "may this start, and what is it?", answered from the enrollments."""

from dataclasses import replace

from sqlalchemy.orm import Session
from traitlets import Unicode

from coyotelab_spawner.policy import AccessDenied, WorkspacePolicy
from coyotelab_spawner.spec import Workspace, WorkspaceSpec

from . import machines, work
from .access import Person, find_place
from .database import get_database
from .errors import NotFound, ServiceError
from .rules import Action
from .site import Site

# One sentence for every reason, so that it does not tell which courses there are.
DENIED = "There is no such workspace, or it is not yours. Please go to your list of courses."


class EnrollmentPolicy(WorkspacePolicy):
    """A server is a workspace when its name is a course's slug and its owner belongs to it.

    Runs inside the Hub, with the same rules and the same database as the service.
    """

    db_url = Unicode(
        config=True,
        help="""SQLAlchemy URL of CoyoteLab's database, the same one that the service has.""",
    )
    pages_url = Unicode(
        config=True,
        help="""Public address of the service, such as
        https://coyotelab--service.example.edu/services/coyotelab; the workspace's own page links
        there for download, restart and reset. Empty leaves those links out.""",
    )

    async def get_spec(self, username: str, server: str) -> WorkspaceSpec:
        """Return the workspace of this user in the course of this name.

        Raises:
            AccessDenied: there is no such course, or this user may not start a workspace in it.
        """
        try:
            spec, environment = await get_database(self.db_url).run(
                _find, Site(parent=self), username, server
            )
        except NotFound as error:
            raise AccessDenied(DENIED) from error
        except ServiceError as error:
            raise AccessDenied(str(error)) from error
        pages = f"{self.pages_url.rstrip('/')}/workspaces/{server}/{username}"
        environment["COYOTELAB_PAGES_URL"] = pages if self.pages_url else ""
        return replace(spec, environment=environment)

    async def note_created(self, spec: WorkspaceSpec, workspace: Workspace) -> None:
        """Remember that the instance exists, so that its absence is never a first time."""
        await get_database(self.db_url).run(machines.note_seen, spec, workspace)


def _find(
    session: Session, site: Site, username: str, server: str
) -> tuple[WorkspaceSpec, dict[str, str]]:
    place = find_place(session, Person(username), server, username, Action.START)
    spec = machines.get_spec(session, place, site)
    return spec, {
        "COYOTELAB_COURSE": place.course.name,
        "COYOTELAB_IDLE_MINUTES": str(site.get_idle_minutes(place.course)),
        "COYOTELAB_JOB_HOURS": f"{site.job_hours:g}",
        "COYOTELAB_WORK_TOKEN": work.make_token(spec.uuid),
    }
