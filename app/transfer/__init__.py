"""Export and erasure of everything that is kept of one user."""
