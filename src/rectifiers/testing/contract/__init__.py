"""What every activation keeps to, one function per promise; each takes a class and raises an AssertionError."""
