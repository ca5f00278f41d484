"""Tokens with which a program acts as a person towards the REST API, and nothing else."""

from sqlalchemy.orm import Session

from . import audit
from .access import Person
from .database import Database
from .hub_api import HubApi

DAYS = (1, 7, 30, 90)


async def make_token(
    database: Database, hub: HubApi, service: str, person: Person, days: int, purpose: str
) -> str:
    """Return a new token of this person for the REST API; it is kept nowhere.

    Args:
        service: name of this service on the Hub; the token opens nothing else.
        days: until it ends, one of DAYS.
        purpose: in the person's own words, to tell their tokens apart.
    """

    def work(session: Session) -> None:
        audit.note(session, person, "token", detail=f"{days} days: {purpose}")

    await database.run(work)
    scope = f"access:services!service={service}"
    note = f"CoyoteLab API: {purpose}" if purpose else "CoyoteLab API"
    return await hub.make_token(person.username, [scope], days * 24 * 3600, note)
