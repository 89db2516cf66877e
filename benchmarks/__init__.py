"""Benchmarks with one face: `python -m benchmarks` lists them, `python -m benchmarks NAME` runs one.

Each lives in `benchmarks/<file>.py` and is described in `benchmarks/registry.py`; it has a function that returns what
was measured, and says what it needs.
"""
