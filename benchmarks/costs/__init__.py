"""What one feature costs a request, measured with and without it, side by side."""
