"""The service as its table grows to ten million tasks."""
