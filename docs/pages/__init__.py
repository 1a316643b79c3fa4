"""What is written from code and published results, a file for each page: `docs/build.py` puts it where it belongs."""
