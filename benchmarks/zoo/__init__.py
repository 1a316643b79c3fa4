"""The surgery zoo: swaps in hundreds of models of the libraries that people use, each step checked.

`python -m benchmarks.zoo` runs it. `entry.py` says what a model of the zoo is, and `families/` yields them, one file
per library. `checks.py` goes through all steps with one model, `result.py` is what is kept of it, `run.py` gives each
model a process with limits, and `page.py` writes `docs/surgery-zoo.md`.
"""
