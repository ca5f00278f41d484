"""The REST API as an OpenAPI 3.1 document, from one table of what there is."""

from typing import Any

SLUG, USERNAME = "{slug}", "{username}"

# method, path, summary, schema of the body, status and schema of the answer
_OPERATIONS = [
    ("get", "/health", "Tell whether the service can work", None, 200, "Health"),
    ("get", "/openapi.json", "Return this document", None, 200, None),
    ("get", "/courses", "List the courses you teach or attend", None, 200, ["Course"]),
    ("post", "/courses", "Make a course", "NewCourse", 201, "Course"),
    ("get", "/courses/{slug}", "Return a course", None, 200, "Course"),
    ("patch", "/courses/{slug}", "Change what is sent of a course", "CourseChange", 200, "Course"),
    (
        "get",
        "/courses/{slug}/enrollments",
        "List who is or was in a course",
        None,
        200,
        ["Enrollment"],
    ),
    (
        "post",
        "/courses/{slug}/enrollments",
        "Enroll somebody, in a new account if need be, or invite them (202)",
        "NewEnrollment",
        201,
        "Enrollment",
    ),
    (
        "patch",
        "/courses/{slug}/enrollments/{username}",
        "Drop somebody, or take them back",
        "EnrollmentChange",
        200,
        "Enrollment",
    ),
    ("get", "/courses/{slug}/workspaces", "List workspaces", None, 200, ["Workspace"]),
    ("get", "/courses/{slug}/workspaces/{username}", "Return one", None, 200, "Workspace"),
    *[
        (
            "post",
            f"/courses/{{slug}}/workspaces/{{username}}/{action}",
            f"{action.title()} a workspace",
            None,
            status,
            "Workspace",
        )
        for action, status in (("start", 202), ("stop", 200), ("restart", 202))
    ],
    (
        "post",
        "/courses/{slug}/workspaces/{username}/reset",
        "Reset a workspace",
        "Reset",
        200,
        "Workspace",
    ),
    (
        "post",
        "/courses/{slug}/workspaces/{username}/undo",
        "Undo the last reset of a workspace",
        None,
        200,
        "Workspace",
    ),
    (
        "get",
        "/courses/{slug}/workspaces/{username}/archive",
        "Return its files as a ZIP",
        None,
        200,
        b"",
    ),
]
# What a GET takes in its query.
_QUERIES: dict[str, dict[str, Any]] = {
    "/courses/{slug}/enrollments": {
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000},
        "offset": {"type": "integer", "minimum": 0, "default": 0},
        "search": {"type": "string", "description": "Words of a name, user name or e-mail."},
    },
}
# What else a success may be.
_OTHERWISE = {("post", "/courses/{slug}/enrollments"): (202, "Invited")}
_PUBLIC = ("/health", "/openapi.json")
_TEXT: dict[str, Any] = {"type": "string"}
_MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
_DATE: dict[str, Any] = {"type": ["string", "null"], "format": "date"}


_COUNT: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
_ANY_TEXT: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _sent(*required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """An object that is sent: of its properties few are needed, and others are refused."""
    sent = {"type": "object", "properties": properties, "additionalProperties": False}
    return sent | ({"required": list(required)} if required else {})


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return schema | {"description": description}


# What can be changed of a course; null takes the site's default.
_COURSE_FIELDS: dict[str, dict[str, Any]] = {
    "name": _TEXT,
    "webpage": _described(_TEXT, "https or http; empty for none"),
    "description": _described(_TEXT, "Markdown, 20,000 characters at most"),
    "start_date": _DATE,
    "end_date": _DATE,
    "base": _described({"type": ["string", "null"]}, "What new workspaces are cloned from"),
    "limits": _described(
        _sent(cpu=_COUNT, memory=_COUNT, disk=_COUNT),
        "Of one workspace: CPUs, bytes of memory and of disk; what is left out stays",
    ),
    "idle_minutes": _described(_COUNT, "0 never stops a machine"),
}

_SCHEMAS = {
    "Health": _object(status={"const": "ok"}),
    "Person": _object(username=_TEXT, name=_TEXT, email=_TEXT),
    "Course": _object(
        slug=_TEXT,
        name=_TEXT,
        webpage=_TEXT,
        description=_TEXT,
        start_date=_DATE,
        end_date=_DATE,
        instructor={"$ref": "#/components/schemas/Person"},
        co_instructors={"type": "array", "items": {"$ref": "#/components/schemas/Person"}},
        base={"type": ["string", "null"]},
        limits=_object(cpu=_COUNT, memory=_COUNT, disk=_COUNT),
        idle_minutes=_COUNT,
        archived={"type": "boolean"},
        teaching={"type": "boolean"},
        attending={"type": "boolean"},
    ),
    "NewCourse": _sent(
        "name",
        "slug",
        slug={"type": "string", "pattern": "^[a-z](-?[a-z0-9])*-?$", "maxLength": 30},
        instructor=_described(_TEXT, "A user name; for administrators"),
        **_COURSE_FIELDS,
    ),
    "CourseChange": _sent(archived={"type": "boolean"}, **_COURSE_FIELDS),
    "Enrollment": {
        "type": "object",
        "properties": {
            "username": _TEXT,
            "name": _TEXT,
            "email": _TEXT,
            "enabled": {"type": "boolean"},
            "since": _MOMENT,
            "last_active": _MOMENT | {"type": ["string", "null"]},
            "temporary_password": {
                "type": "string",
                "description": "Of an account that has just been made; it is not shown again.",
            },
        },
        "required": ["username", "name", "email", "enabled", "since", "last_active"],
    },
    "NewEnrollment": {
        "type": "object",
        "properties": {"username": _TEXT, "name": _TEXT, "email": _TEXT},
        "description": "A user name, or an e-mail address, or both; a name for a new account.",
        "anyOf": [{"required": ["username"]}, {"required": ["email"]}],
    },
    "Invited": _object(invited=_TEXT),
    "EnrollmentChange": _object(enabled={"type": "boolean"}),
    "Workspace": _object(
        course=_TEXT,
        username=_TEXT,
        state={"enum": ["stopped", "starting", "running", "stopping"]},
        outdated={"type": "boolean", "description": "The course has another base now."},
        url={"type": "string", "description": "The page that opens it."},
    ),
    "Reset": _object(keep_home={"type": "boolean"}),
    "Problem": {
        "type": "object",
        "required": ["title", "status", "detail"],
        "properties": {
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "errors": _described(_ANY_TEXT, "What is wrong, by field"),
        },
    },
}


def _content(schema: Any) -> dict[str, Any]:
    if isinstance(schema, bytes):
        return {"application/zip": {}}
    if schema is None:
        return {"application/json": {"schema": {"type": "object"}}}
    if isinstance(schema, list):
        items = {"$ref": f"#/components/schemas/{schema[0]}"}
        return {"application/json": {"schema": {"type": "array", "items": items}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _operation(
    method: str, path: str, summary: str, body: Any, status: int, answer: Any
) -> dict[str, Any]:
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": _TEXT}
            for name in ("slug", "username")
            if f"{{{name}}}" in path
        ],
        "responses": {
            str(status): {"description": "Done", "content": _content(answer)},
            "default": {
                "description": "A problem (RFC 9457); 404 also for what you may not see",
                "content": {"application/problem+json": problem},
            },
        },
    }
    if method == "get":
        operation["parameters"] += [
            {"name": name, "in": "query", "schema": schema}
            for name, schema in _QUERIES.get(path, {}).items()
        ]
    if (method, path) in _OTHERWISE:
        other, schema = _OTHERWISE[method, path]
        operation["responses"][str(other)] = {"description": "Done", "content": _content(schema)}
    if body:
        operation["requestBody"] = {"required": body != "Reset", "content": _content(body)}
    if path in _PUBLIC:
        operation["security"] = []
    return operation


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for method, path, *rest in _OPERATIONS:
        paths.setdefault(path, {})[method] = _operation(method, path, *rest)  # type: ignore[arg-type]
    return paths


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "CoyoteLab", "version": "1"},
    "security": [{"token": []}],
    "paths": _paths(),
    "components": {
        "schemas": _SCHEMAS,
        "securitySchemes": {
            "token": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`token` and a space before the token you made on your account page",
            }
        },
    },
}
