"""What measures the library without being part of it."""
