"""The tasks of the users."""
