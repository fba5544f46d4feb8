"""How long a statement of the service may take, and wait for a lock.

They belong to the role (`flask role-timeouts`), because a transaction pooler drops the settings of a session. The
embedded server has no pooler before it, so there they are options of each connection.
"""

STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "2s"
OPTIONS = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT}"
