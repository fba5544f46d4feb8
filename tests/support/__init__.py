"""What tests and benchmarks share: the real service, clients of it, and everything around it."""
