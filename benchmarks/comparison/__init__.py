"""The service compared with the same API on other frameworks."""
