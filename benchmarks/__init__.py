"""What measures the library, and is no part of it."""
