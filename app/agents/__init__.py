"""The tasks as tools for AI assistants (Model Context Protocol), on the public API alone: it knows no other room."""
