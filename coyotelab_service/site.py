"""What an administrator decides for every course: defaults, ceilings, and how long things last."""

from traitlets import Bool, Float, Int, default
from traitlets.config import Configurable, LazyConfigValue

from coyotelab_spawner.spec import GIB, Limits

from .accounts import normalize_username
from .orm import Course


class Site(Configurable):
    """The site's own values; Hub and service read the same ones from jupyterhub_config.py."""

    cpu = Int(2, config=True, help="CPUs of a workspace whose course does not say (count).")
    max_cpu = Int(4, config=True, help="The most CPUs that a course may give a workspace (count).")
    memory = Int(
        2 * GIB, config=True, help="Memory of a workspace whose course does not say, in bytes."
    )
    max_memory = Int(
        8 * GIB, config=True, help="The most memory that a course may give a workspace, in bytes."
    )
    disk = Int(
        10 * GIB,
        config=True,
        help="Root file system of a workspace whose course does not say, in bytes, base included.",
    )
    max_disk = Int(
        50 * GIB, config=True, help="The most disk that a course may give a workspace, in bytes."
    )
    processes = Int(1000, config=True, help="Processes and threads of a workspace (count).")
    idle_minutes = Int(
        5,
        config=True,
        help="""Minutes from the closing of its last page until a machine stops, where its course
        does not say; 0 never stops it.""",
    )
    job_hours = Float(
        12.0,
        config=True,
        help="""Hours for which a running program keeps a machine up that nobody has a page of; 0
        gives programs no such right.""",
    )
    kept_days = Int(
        7, config=True, help="Days for which a reset can be undone; then the old machine goes."
    )
    kept_most = Int(
        3,
        min=1,
        config=True,
        help="""How many old machines of one workspace are kept: each holds as much disk as a
        workspace may. After one reset more the oldest goes before its days are over.""",
    )
    password_days = Int(7, config=True, help="Days for which a temporary password works.")
    campus_login = Bool(
        config=True,
        help="""Whether people log in through the campus: then instructors may invite somebody by
        e-mail address, who takes the place at the first login with that address, verified. Unless
        set: whether CoyoteAuthenticator.campus_logins names any.""",
    )
    instructors_make_courses = Bool(
        True,
        config=True,
        help="Whether whoever has the instructor role may create courses, or administrators only.",
    )

    @default("campus_login")
    def _default_campus_login(self) -> bool:
        return bool(self.config["CoyoteAuthenticator"].get("campus_logins"))

    @property
    def administrators(self) -> frozenset[str]:
        """The administrators' user names, as jupyterhub_config.py has them for the Hub."""
        found: set[str] = set()
        for kind in ("Authenticator", "CoyoteAuthenticator"):
            named = self.config[kind].get("admin_users", ())
            found |= set(named.get_value(set()) if isinstance(named, LazyConfigValue) else named)
        return frozenset(map(normalize_username, found))

    def describe(self) -> list[tuple[str, object, str]]:
        """Return each setting: its name in jupyterhub_config.py, its value, what it does."""
        traits = sorted(self.class_own_traits(config=True).items())
        return [
            (f"Site.{name}", getattr(self, name), " ".join(trait.help.split()))
            for name, trait in traits
        ]

    def get_limits(self, course: Course) -> Limits:
        """Return what one workspace of the course may use; ceilings hold for old values too."""
        return Limits(
            cpu=min(course.cpu or self.cpu, self.max_cpu),
            memory=min(course.memory or self.memory, self.max_memory),
            disk=min(course.disk or self.disk, self.max_disk),
            processes=self.processes,
        )

    def get_idle_minutes(self, course: Course) -> int:
        """Return the course's grace time in minutes; 0 is never."""
        return self.idle_minutes if course.idle_minutes is None else course.idle_minutes
