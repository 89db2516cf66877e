"""What is compiled when the environment is installed is what a night calls."""

from __future__ import annotations

import importlib
import inspect

from numba.core.dispatcher import Dispatcher

from handpick.pipeline import warm_up

CALLERS = ("models.hybrids.blend_weights", "models.topn.dense")
"""Modules in Python that call kernels whatever the processor is."""


def test_no_kernel_that_python_calls_is_left_to_the_first_night() -> None:
    warm_up.main()
    kernels = {
        name: kernel
        for caller in CALLERS
        for name, kernel in inspect.getmembers(importlib.import_module(caller))
        if isinstance(kernel, Dispatcher)
    }
    assert {"rank_items", "rank_scores"} <= set(kernels)
    assert [name for name, kernel in kernels.items() if not kernel.overloads] == []
