"""What the service tells of itself: request ids, the log, the metrics. It imports nothing else of the application."""
