"""A night is opened in three lines, and MLflow loads its champion in a process that knows nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.conftest import House

ROOT = Path(__file__).parents[2]
NOTEBOOK = """
import handpick
night = handpick.open(handpick.open().champion.trained_on)  # MLflow's model knows the night that trained it
lists = night.recommend(night.table("marts/dim_user")["user_id"][:3])
best = night.champion.recommend(lists["user_id"].unique(), 5).to_pandas()
print(lists.columns.tolist(), best.to_json())
"""
MODEL = """
import sys, mlflow, pandas, json
mlflow.set_tracking_uri(sys.argv[1])
users = json.loads(sys.argv[2])
model = mlflow.pyfunc.load_model("models:/fusion@champion")
print(model.predict(pandas.DataFrame({"user_id": users}), params=None).to_json())
"""


def run(script: str, *arguments: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(
        command, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def test_the_notebook_and_mlflow_recommend_alike(house: House) -> None:
    said = run(NOTEBOOK, environment=house.environment)
    assert "'title', 'brand', 'price'" in said and "'reason'" in said
    best = json.loads(said[said.index("{") :])
    users = list(dict.fromkeys(best["user_id"].values()))
    plain = {name: value for name, value in house.environment.items() if name != "HANDPICK_CONFIG"}
    address = f"sqlite:///{house.folder / 'var' / 'mlflow.db'}"
    predicted = json.loads(run(MODEL, address, json.dumps(users), environment=plain))
    # Five of each user's twenty are the notebook's five.
    by_rank = {
        (predicted["user_id"][row], predicted["rank"][row]): predicted["item_id"][row]
        for row in predicted["rank"]
    }
    assert {
        (best["user_id"][row], best["rank"][row]): best["item_id"][row] for row in best["rank"]
    }.items() <= (by_rank.items())
