"""Every module that imports torch imports the warm-up of its vector functions first."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

MODELS = Path(__file__).parents[2] / "models"
SCRIPT = """
import importlib, sys
import torch
without_warm_up = []
for name in sys.argv[1:]:
    for loaded in [module for module in sys.modules if module.split(".")[0] == "models"]:
        del sys.modules[loaded]
    importlib.import_module(name)
    if "models.mkl_warm_up" not in sys.modules:
        without_warm_up.append(name)
print(*without_warm_up)
"""


def test_every_module_that_imports_torch_imports_the_warm_up() -> None:
    names = []
    for file in sorted(MODELS.rglob("*.py")):
        imports = [
            node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        modules = {
            node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports
        }
        packages = {(module or "").split(".")[0] for module in modules}
        # Triton's kernels run on GPUs, which have no MKL.
        if "torch" in packages and "triton" not in packages:
            names.append(".".join(file.relative_to(MODELS.parent).with_suffix("").parts))
    assert len(names) > 20
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
