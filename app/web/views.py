"""The view of a resource that a client asks for: `?view=`, or the one of the settings."""

from flask import current_app

from app.web.query import Query
from config import VIEWS

# In the order in which the contract names them.
WORDS = {name: name for name in reversed(VIEWS)}


def read_view(query: Query) -> str:
    """Return the view; what is wrong is noted in the query."""
    default: str = current_app.config["DEFAULT_VIEW"]
    return query.read_word(WORDS, "view") or default
