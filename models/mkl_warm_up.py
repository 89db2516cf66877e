"""Warm-up of MKL's vector functions, for equal bits from the first call of a process on.

Importing this module is all that is needed.

On x86, torch takes tanh, log and similar functions from MKL's vector library, which looks up the processor's
code path when a function is first used. Where two threads use one for the first time at once, one of them can
get another code path and round the last bits differently: in about one process in a hundred on a busy
machine. So each function is called once here, by one thread, before any work.
"""

from __future__ import annotations

import torch

VECTOR_FUNCTIONS = (
    *(
        "acos",
        "asin",
        "atan",
        "cos",
        "cosh",
        "erf",
        "erfc",
        "erfinv",
        "exp",
        "expm1",
        "lgamma",
        "log",
        "log10",
    ),
    *("log1p", "log2", "rsqrt", "sigmoid", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)
"""Functions of torch that MKL computes, or may compute."""

for _kind in (torch.float32, torch.float64):
    for _name in VECTOR_FUNCTIONS:
        getattr(torch, _name)(torch.full((1,), 0.5, dtype=_kind))
