"""Taking everything along, and leaving: the export and the erasure of all that is kept of one user."""
