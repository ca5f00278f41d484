"""What the Hub keeps of somebody's logins, and how all of them end at once."""

from typing import Any

from jupyterhub import orm


def end_sessions(user: Any) -> None:
    """End every session of a user of the Hub: cookies, tokens of pages and programs.

    What their running servers themselves report with stays: a server has nobody's session.
    """
    db = user.db
    servers = [orm.APIToken.find(db, s.api_token) for s in user.spawners.values() if s.api_token]
    kept = {token.id for token in servers if token}
    for token in list(user.orm_user.api_tokens):
        if token.id not in kept:
            db.delete(token)
    for code in db.query(orm.OAuthCode).filter_by(user_id=user.orm_user.id):
        db.delete(code)
    user.orm_user.cookie_id = orm.new_token()
    db.commit()
