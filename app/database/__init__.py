"""PostgreSQL: connections, statements, errors, readiness, the embedded server. Neither HTTP nor a resource comes in."""
