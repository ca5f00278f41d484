"""The shapes of what the REST API takes and gives, as JSON Schema."""

from typing import Any

from coyotelab_spawner.spec import GIB

from .course_fields import (
    MAX_IDLE_MINUTES,
    MIB,
    MIN_DISK,
    MIN_MEMORY,
    NAME_LENGTH,
    RESERVED,
    SLUG_LENGTH,
)
from .prose import LENGTH

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}


def refer(name: str) -> Schema:
    """Return a reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> Schema:
    """Return the schema of a list of one of SCHEMAS."""
    return {"type": "array", "items": refer(name)}


def _or_null(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _object(**properties: Schema) -> Schema:
    """Return an object with exactly these members."""
    return _sent(*properties, **properties)


def _sent(*required: str, **properties: Schema) -> Schema:
    """Return an object that is sent: of its members few are needed, and others are refused."""
    sent = {"type": "object", "properties": properties, "additionalProperties": False}
    return sent | ({"required": list(required)} if required else {})


def _described(description: str, schema: Schema) -> Schema:
    return schema | {"description": description}


_DATE = _or_null("string", format="date")
_COUNT = _or_null("integer", minimum=0)
SLUG: Schema = {
    "type": "string",
    "pattern": "^[a-z](-?[a-z0-9])*-?$",
    "maxLength": SLUG_LENGTH,
    "examples": ["cs101"],
}
USERNAME: Schema = {"type": "string", "minLength": 1, "maxLength": 63, "examples": ["student1"]}
# One line of text; what has other control characters is refused.
_LINE: Schema = {"type": "string", "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$"}

# What can be changed of a course; null takes the site's default.
_COURSE_FIELDS: dict[str, Schema] = {
    "name": TEXT | {"minLength": 1, "maxLength": NAME_LENGTH},
    "webpage": _described("https or http; empty for none", _or_null("string")),
    "description": _described("Markdown", TEXT | {"maxLength": LENGTH}),
    "start_date": _DATE,
    "end_date": _described("Not before it starts", _DATE),
    "base": _described("Name of what new workspaces are cloned from", _or_null("string")),
    "limits": _described(
        "Of one workspace; what is left out stays. The site may allow less.",
        _sent(
            cpu=_or_null("integer", minimum=1),
            memory=_described(
                "Bytes, whole MiB", _or_null("integer", minimum=MIN_MEMORY, multipleOf=MIB)
            ),
            disk=_described(
                "Bytes, whole MiB", _or_null("integer", minimum=MIN_DISK, multipleOf=MIB)
            ),
        ),
    ),
    "idle_minutes": _described(
        "Until a machine nobody uses stops; 0 is never",
        _or_null("integer", minimum=0, maximum=MAX_IDLE_MINUTES),
    ),
}
_ENROLLMENT: dict[str, Schema] = {
    "username": TEXT,
    "name": TEXT,
    "email": TEXT,
    "enabled": FLAG,
    "since": MOMENT,
    "last_active": _or_null("string", format="date-time"),
}

SCHEMAS: dict[str, Schema] = {
    "Health": _object(status={"const": "ok"}),
    "Person": _object(username=TEXT, name=TEXT, email=TEXT),
    "Course": _object(
        slug=TEXT,
        name=TEXT,
        webpage=TEXT,
        description=TEXT,
        start_date=_DATE,
        end_date=_DATE,
        instructor=refer("Person"),
        co_instructors=list_of("Person"),
        base=_or_null("string"),
        limits=_object(cpu=_COUNT, memory=_COUNT, disk=_COUNT),
        idle_minutes=_COUNT,
        archived=FLAG,
        teaching=_described("Whether you are one of its instructors", FLAG),
        attending=_described("Whether you are enrolled", FLAG),
    ),
    "NewCourse": _sent(
        "name",
        "slug",
        slug=SLUG | {"not": {"enum": sorted(RESERVED)}, "examples": ["cs301"]},
        instructor=_described(
            "User name of who teaches it; for administrators", _or_null("string")
        ),
        **_COURSE_FIELDS,
    )
    | {
        "examples": [
            {"slug": "cs301", "name": "Compilers"},
            {
                "slug": "cs302",
                "name": "Operating Systems",
                "start_date": "2027-01-11",
                "end_date": "2027-05-28",
                "limits": {"cpu": 1, "disk": 8 * GIB},
                "idle_minutes": 30,
            },
        ]
    },
    "CourseChange": _sent(archived=FLAG, **_COURSE_FIELDS)
    | {"examples": [{"end_date": "2027-06-30", "limits": {"cpu": 1}}, {"archived": False}]},
    "Enrollment": _object(**_ENROLLMENT),
    "NewlyEnrolled": _sent(
        *_ENROLLMENT,
        **_ENROLLMENT,
        temporary_password=_described(
            "Of an account that has just been made; it is not shown again.", TEXT
        ),
    ),
    "NewEnrollment": _sent(username=_LINE, name=_LINE, email=_LINE)
    | {
        "description": "A user name, or an e-mail address, or both; a name for a new account.",
        "anyOf": [{"required": ["username"]}, {"required": ["email"]}],
        "examples": [
            {"username": "student3"},
            {"username": "jdoe", "name": "Jane Doe", "email": "jane@example.edu"},
        ],
    },
    "Invited": _object(invited=TEXT),
    "EnrollmentChange": _object(enabled=FLAG) | {"examples": [{"enabled": True}]},
    "Workspace": _object(
        course=TEXT,
        username=TEXT,
        state={"enum": ["stopped", "starting", "running", "stopping"]},
        outdated=_described("The course has another base now.", FLAG),
        url=_described("The page that opens it", {"type": "string", "format": "uri-reference"}),
    ),
    "Reset": _sent(
        keep_home=_described(
            "Copy the home directories into the new machine", FLAG | {"default": False}
        )
    )
    | {"examples": [{"keep_home": True}]},
    "Problem": _sent(
        "title",
        "status",
        "detail",
        title=TEXT,
        status={"type": "integer"},
        detail=_described("A sentence for people", TEXT),
        errors=_described(
            "What is wrong, by field", {"type": "object", "additionalProperties": TEXT}
        ),
    ),
}
