"""Heavy libraries that are loaded while something else is waited for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def loading(library: str) -> Iterator[None]:
    """Load a library beside the block; at its end it is loaded.

    Raises:
        ImportError: At the end of the block, if it cannot be loaded.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=f"load {library}") as pool:
        loaded = pool.submit(importlib.import_module, library)
        yield
        loaded.result()
