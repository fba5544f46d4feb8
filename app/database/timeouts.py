"""How long a statement of the service may take, and wait for a lock."""

STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "2s"


def set_timeouts(role: str) -> tuple[str, ...]:
    """Return the statements that set them for all new sessions of a role.

    They belong to the role, because a transaction pooler drops the settings of a session.
    """
    return (
        f"ALTER ROLE {role} SET statement_timeout = '{STATEMENT_TIMEOUT}'",
        f"ALTER ROLE {role} SET lock_timeout = '{LOCK_TIMEOUT}'",
    )
