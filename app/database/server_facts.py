"""What the server tells of itself and of the session, for `flask doctor`."""

from dataclasses import dataclass

from sqlalchemy import text

from app.extensions import db
from config import is_this_machine

FACTS = text(
    "SELECT current_setting('server_version'), current_user::text, current_setting('statement_timeout'),"
    " current_setting('lock_timeout'),"
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
    " extract(epoch FROM clock_timestamp())::float8"
)


@dataclass(frozen=True)
class ServerFacts:
    """What an operator may want to know of the server and the session."""

    is_local: bool
    uses_tls: bool
    version: str
    role: str
    statement_timeout: str
    lock_timeout: str
    connections: int  # for roles that are no superusers
    clock: float  # seconds since 1970


def read_server_facts() -> ServerFacts:
    """Ask the server. Raises SQLAlchemy's exceptions where it can't be asked."""
    with db.engine.connect() as connection:
        row = connection.execute(FACTS).one()
        info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]  # It is open.
        is_local = info.host.startswith("/") or is_this_machine(info.host)
        return ServerFacts(is_local, info.ssl_in_use, *row)
