"""Benchmarks: `python -m benchmarks` lists them, `python -m benchmarks NAME` runs one.

Each benchmark is a function in `benchmarks/<file>.py` that returns its measurements by name.
`benchmarks/benchmarks_and_targets.py` declares them with their targets and required data. Results are kept in
`benchmarks/results/`.
"""
