"""Whatever computes with torch has its vector functions settled before."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

MODELS = Path(__file__).parents[2] / "models"
SCRIPT = """
import importlib, sys
import torch
unsettled = []
for name in sys.argv[1:]:
    for loaded in [module for module in sys.modules if module.split(".")[0] == "models"]:
        del sys.modules[loaded]
    importlib.import_module(name)
    if "models.mkl_warm_up" not in sys.modules:
        unsettled.append(name)
print(*unsettled)
"""


def test_every_module_that_imports_torch_settles_it() -> None:
    names = []
    for file in sorted(MODELS.rglob("*.py")):
        imports = [
            node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        modules = {
            node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports
        }
        if any((module or "").split(".")[0] == "torch" for module in modules):
            names.append(".".join(file.relative_to(MODELS.parent).with_suffix("").parts))
    assert len(names) > 20
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
