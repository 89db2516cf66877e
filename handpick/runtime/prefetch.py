"""Import of a heavy library in a thread, while the caller does something else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def prefetch_library(library: str) -> Iterator[None]:
    """Import a library in a thread while the block runs; after the block it is imported.

    It saves time where the block reads files or waits: an import mostly reads files and runs C code, which
    partly release the interpreter's lock. An import of the same library inside the block waits for the
    thread's, as Python locks each module.

    Args:
        library: Name of the module.

    Raises:
        ImportError: At the end of the block, if it cannot be imported.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=f"load {library}") as pool:
        loaded = pool.submit(importlib.import_module, library)
        yield
        loaded.result()
