"""What one feature costs a request: two services, with and without it, side by side."""
