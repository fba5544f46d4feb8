"""The service beside others that one would build instead."""
