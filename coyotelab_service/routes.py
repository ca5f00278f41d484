"""Which address is answered by which handler: the whole of the service's HTTP."""

from pathlib import Path
from typing import Any

from jupyterhub._data import DATA_FILES_PATH
from tornado.web import RequestHandler, StaticFileHandler

from .handlers import (
    account,
    admin,
    admin_people,
    api,
    course_api,
    course_form,
    courses,
    downloads,
    intake,
    language,
    log,
    roster,
    roster_api,
    workspaces,
)

STATIC = Path(__file__).parent / "static"
HUB_STATIC = Path(DATA_FILES_PATH) / "static"  # the Hub's compiled look, so that ours is the same

NAME = "([^/]+)"
WORKSPACE = rf"workspaces/{NAME}(?:/{NAME})?"  # without a user name: one's own
PLACE = f"api/courses/{NAME}/workspaces/{NAME}"

PAGES: dict[str, type[RequestHandler]] = {
    "": courses.CoursesPage,
    "states": courses.StatesData,
    "courses/new": course_form.NewCoursePage,
    f"courses/{NAME}": courses.CoursePage,
    f"courses/{NAME}/edit": course_form.EditCoursePage,
    f"courses/{NAME}/instructors": course_form.InstructorsPage,
    f"courses/{NAME}/archive": course_form.ArchivePage,
    f"courses/{NAME}/states": roster.StatesData,
    f"courses/{NAME}/students": roster.StudentsPage,
    f"courses/{NAME}/students/add": intake.AddPage,
    f"courses/{NAME}/students/email": roster.EmailPage,
    f"courses/{NAME}/students/export": roster.ExportPage,
    f"courses/{NAME}/students/import": intake.ImportPage,
    f"courses/{NAME}/students/import/{NAME}": intake.PreviewPage,
    f"courses/{NAME}/students/invitations": roster.InvitationsPage,
    f"courses/{NAME}/students/passwords/{NAME}": intake.PasswordsPage,
    f"{WORKSPACE}/download": downloads.DownloadPage,
    f"{WORKSPACE}/log": log.LogPage,
    f"{WORKSPACE}/progress": workspaces.ProgressStream,
    f"{WORKSPACE}/restart": workspaces.RestartPage,
    f"{WORKSPACE}/reset": workspaces.ResetPage,
    f"{WORKSPACE}/undo": workspaces.UndoPage,
    WORKSPACE: workspaces.OpenPage,
    "account/password": account.PasswordPage,
    "account/tokens": account.TokensPage,
    "admin": admin.OverviewPage,
    "admin/users": admin_people.PeoplePage,
    "admin/users/new": admin_people.NewPersonPage,
    f"admin/users/{NAME}": admin_people.AccountPage,
    "admin/courses": admin.CoursesPage,
    "admin/bases": admin.BasesPage,
    "admin/workspaces": admin.WorkspacesPage,
    "admin/limits": admin.LimitsPage,
    "admin/audit": admin.AuditPage,
    r"admin/audit\.csv": admin.AuditExport,
    "language": language.LanguagePage,
    "logout": account.LogoutPage,
    "oauth_callback": account.LoginCallback,
}
API: dict[str, type[RequestHandler]] = {
    "api/health": api.HealthApi,
    r"api/openapi\.json": api.OpenApi,
    "api/courses": course_api.CoursesApi,
    f"api/courses/{NAME}": course_api.CourseApi,
    f"api/courses/{NAME}/enrollments": roster_api.EnrollmentsApi,
    f"api/courses/{NAME}/enrollments/{NAME}": roster_api.EnrollmentApi,
    f"api/courses/{NAME}/workspaces": api.WorkspacesApi,
    PLACE: api.WorkspaceApi,
    f"{PLACE}/(start|stop|restart)": api.WorkspaceActionApi,
    f"{PLACE}/reset": api.ResetApi,
    f"{PLACE}/undo": api.UndoApi,
    f"{PLACE}/archive": downloads.ArchiveApi,
    "api(?:/.*)?": api.MissingApi,
}


def make_routes(prefix: str) -> list[tuple[Any, ...]]:
    """Return tornado's routes for a service that lives below `prefix`, "/" at both its ends."""
    return [
        (f"{prefix}hub-static/(.*)", StaticFileHandler, {"path": str(HUB_STATIC)}),
        *[(prefix + path, handler) for path, handler in {**API, **PAGES}.items()],
    ]
