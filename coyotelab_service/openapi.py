"""The REST API as an OpenAPI 3.1 document, from one table of what there is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .api_schemas import SCHEMAS, SLUG, TEXT, USERNAME, Schema, list_of, refer
from .text_search import LENGTH as SEARCH_LENGTH

MOST = 1_000  # items in one answer
ZIP = "application/zip"


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Args:
        name: its operationId.
        answers: schema of what comes back, by the status of a success.
        problems: statuses beside those that follow from the path and the body.
        body: name of the schema of what is sent; "" for nothing.
        query: schemas of what may stand in the query.
        public: whether it needs no token.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[int, Schema]
    problems: tuple[int, ...] = ()
    body: str = ""
    query: Mapping[str, Schema] = field(default_factory=dict)
    public: bool = False

    @property
    def parameters(self) -> dict[str, Schema]:
        """Return the schemas of what stands in the path."""
        known = {"slug": SLUG, "username": USERNAME}
        return {name: schema for name, schema in known.items() if f"{{{name}}}" in self.path}

    def list_problems(self) -> list[int]:
        """Return the statuses of what may go wrong."""
        found = {*self.problems, *((503,) if self.public else (401, 500, 503))}
        found |= {400, 404} if self.parameters else set()
        found |= {400, 413, 415} if self.body else set()
        return sorted(found | ({400} if self.query else set()))


_COURSE = "/courses/{slug}"
_PEOPLE = f"{_COURSE}/enrollments"
_PLACES = f"{_COURSE}/workspaces"
_PLACE = f"{_PLACES}/{{username}}"
_PART: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": MOST},
    "offset": {"type": "integer", "minimum": 0, "maximum": 10**9, "default": 0},
}
_SEARCH: dict[str, Schema] = {
    "search": TEXT
    | {
        "description": "Words of a name, user name or e-mail address; the first"
        f" {SEARCH_LENGTH} characters count"
    }
}
_OBJECT: Schema = {"type": "object"}
_SHOWN = refer("Workspace")

OPERATIONS = [
    Operation(
        *("get", "/health", "getHealth", "about", "Tell whether the service can work"),
        {200: refer("Health")},
        public=True,
    ),
    Operation(
        *("get", "/openapi.json", "getDocument", "about", "Return this document"),
        {200: _OBJECT},
        public=True,
    ),
    Operation(
        *("get", "/courses", "listCourses", "courses", "List the courses you teach or attend"),
        {200: list_of("Course")},
        query=_PART,
    ),
    Operation(
        *("post", "/courses", "createCourse", "courses", "Make a course"),
        {201: refer("Course")},
        (404,),
        body="NewCourse",
    ),
    Operation(*("get", _COURSE, "getCourse", "courses", "Return a course"), {200: refer("Course")}),
    Operation(
        *("patch", _COURSE, "changeCourse", "courses", "Change what is sent of a course"),
        {200: refer("Course")},
        body="CourseChange",
    ),
    Operation(
        *("get", _PEOPLE, "listEnrollments", "enrollments", "List who is or was in a course"),
        {200: list_of("Enrollment")},
        query=_PART | _SEARCH,
    ),
    Operation(
        *("post", _PEOPLE, "enroll", "enrollments"),
        "Enroll somebody, in a new account if need be, or invite them (202)",
        {201: refer("NewlyEnrolled"), 202: refer("Invited")},
        (409,),
        body="NewEnrollment",
    ),
    Operation(
        *("patch", f"{_PEOPLE}/{{username}}", "changeEnrollment", "enrollments"),
        "Drop somebody, or take them back",
        {200: refer("Enrollment")},
        body="EnrollmentChange",
    ),
    Operation(
        *("get", _PLACES, "listWorkspaces", "workspaces", "List the workspaces you may see"),
        {200: list_of("Workspace")},
        query=_PART,
    ),
    Operation(*("get", _PLACE, "getWorkspace", "workspaces", "Return a workspace"), {200: _SHOWN}),
    Operation(
        *("post", f"{_PLACE}/start", "start", "workspaces"),
        "Start a workspace: 202 while it starts, 200 when it runs already",
        {200: _SHOWN, 202: _SHOWN},
        (409,),
    ),
    Operation(*("post", f"{_PLACE}/stop", "stop", "workspaces", "Stop a workspace"), {200: _SHOWN}),
    Operation(
        *("post", f"{_PLACE}/restart", "restart", "workspaces"),
        "Stop a workspace and start it again: 202 while it starts",
        {200: _SHOWN, 202: _SHOWN},
        (409,),
    ),
    Operation(
        *("post", f"{_PLACE}/reset", "reset", "workspaces"),
        "Give your workspace the course's base again",
        {200: _SHOWN},
        (409,),
        body="Reset",
    ),
    Operation(
        *("post", f"{_PLACE}/undo", "undo", "workspaces"),
        "Bring back the machine from before the last reset",
        {200: _SHOWN},
        (409,),
    ),
    Operation(
        *("get", f"{_PLACE}/archive", "getArchive", "workspaces", "Return its files as a ZIP"),
        {200: {}},
        (409,),
    ),
]
_SAID = {
    400: "The request cannot be understood, or some fields cannot be taken (`errors`)",
    401: "There is no token, or it is not valid here",
    404: "There is no such thing, or you may not see or do it: the answer is the same",
    409: "Not at this moment; the sentence says why",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    500: "A fault of ours",
    503: "A part does not answer; try again",
}
_HEADERS = {401: "WWW-Authenticate", 503: "Retry-After"}
_NEXT = {"Link": {"schema": TEXT, "description": "Where the next ones are, when there are more"}}
# What can be done next with what comes back, for programs that find their way by themselves.
_SAME_COURSE = {"slug": "$response.body#/slug"}
_LINKS = {
    "createCourse": {
        name: {"operationId": name, "parameters": _SAME_COURSE}
        for name in ("getCourse", "changeCourse", "listEnrollments", "enroll", "listWorkspaces")
    },
    "enroll": {
        "changeEnrollment": {
            "operationId": "changeEnrollment",
            "parameters": {"slug": "$request.path.slug", "username": "$response.body#/username"},
        }
    },
}


def _answer(operation: Operation, status: int, schema: Schema) -> dict[str, Any]:
    kind = "application/json" if schema else ZIP
    answer: dict[str, Any] = {"description": "Done", "content": {kind: {"schema": schema}}}
    if not schema:
        answer["headers"] = {"Content-Disposition": {"schema": TEXT, "description": "Its name"}}
    elif "limit" in operation.query:
        answer["headers"] = _NEXT
    if status == 201 and operation.name in _LINKS:
        answer["links"] = _LINKS[operation.name]
    return answer


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": refer("Problem")}}
    problem: dict[str, Any] = {"description": _SAID[status], "content": content}
    if status in _HEADERS:
        problem["headers"] = {_HEADERS[status]: {"required": True, "schema": TEXT}}
    return problem


def _describe(operation: Operation) -> dict[str, Any]:
    places = [("path", operation.parameters), ("query", operation.query)]
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [
            {"name": name, "in": place, "required": place == "path", "schema": schema}
            for place, schemas in places
            for name, schema in schemas.items()
        ],
        "responses": {
            **{str(s): _answer(operation, s, schema) for s, schema in operation.answers.items()},
            **{str(status): _problem(status) for status in operation.list_problems()},
        },
    }
    if operation.body:
        content = {"application/json": {"schema": refer(operation.body)}}
        described["requestBody"] = {"required": operation.body != "Reset", "content": content}
    if operation.public:
        described["security"] = []
    return described


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    return paths


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "CoyoteLab",
        "version": "1",
        "description": "What the pages do, for programs. Errors are RFC 9457 problems.",
    },
    "security": [{"token": []}],
    "tags": [
        {"name": "about", "description": "The service itself; for everybody"},
        {"name": "courses", "description": "What is taught"},
        {"name": "enrollments", "description": "Who is in a course; for its instructors"},
        {"name": "workspaces", "description": "The machines of a course"},
    ],
    "paths": _paths(),
    "components": {
        "schemas": SCHEMAS,
        "securitySchemes": {
            "token": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`token` and a space before the token you made on the page"
                " *API tokens*",
            }
        },
    },
}
