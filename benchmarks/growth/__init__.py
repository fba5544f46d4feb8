"""The service measured while its table grows to ten million tasks."""
