"""Trains RecBole's SASRec with RecBole; `benchmarks.training_speed` runs this file in a separate environment.

This file imports nothing of the project: RecBole needs older versions of libraries than the project uses.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

K, HISTORY = 10, 50


def main(sequences: str, out: str, epochs: str, patience: str, batch: str, threads: str, seed: str) -> None:
    """Train on all but each user's last two items until NDCG@10 on the last but one stops rising.

    Writes `peer.json` (seconds of each epoch, samples per epoch, NDCG@10 after each) and `lists.npy`, the
    best lists.
    """
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.model.sequential_recommender.sasrec import SASRec
    from recbole.trainer import Trainer
    from recbole.utils import init_seed

    folder = Path(out)
    histories = [
        [int(word) for word in line.split()[1:]] for line in Path(sequences).read_text().splitlines()
    ]
    _write_interactions(histories, folder)
    config = Config(
        model="SASRec",
        dataset="sequences",
        config_dict={
            "data_path": str(folder),
            "checkpoint_dir": str(folder),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "eval_args": {
                "split": {"LS": "valid_and_test"},
                "order": "TO",
                "mode": "full",
                "group_by": "user",
            },
            "train_neg_sample_args": None,
            "MAX_ITEM_LIST_LENGTH": HISTORY,
            "train_batch_size": int(batch),
            "epochs": int(epochs),
            "seed": int(seed),
            "reproducibility": False,
            "use_gpu": False,
            "show_progress": False,
        },
    )
    torch.set_num_threads(int(threads))
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, _, _ = data_preparation(config, dataset)
    model = SASRec(config, train.dataset).to(config["device"])
    trainer = Trainer(config, model)
    targets = np.array([items[-2] for items in histories])
    seconds: list[float] = []
    gains: list[float] = []
    while len(gains) < int(epochs) and len(gains) - int(np.argmax([*gains, 0])) <= int(patience):
        began = time.perf_counter()
        trainer._train_epoch(train, len(seconds))
        seconds.append(time.perf_counter() - began)
        lists = _make_lists(model, dataset, histories)
        _, place = np.nonzero(lists == targets[:, None])
        gains.append(float((1 / np.log2(place + 2)).sum() / len(histories)))
        if gains[-1] == max(gains):
            np.save(folder / "lists.npy", lists)
        print(f"RecBole: epoch {len(gains)}, {seconds[-1]:.0f} s, NDCG@10 {gains[-1]:.4f}", flush=True)
    about = {"seconds": seconds, "samples": len(train.dataset), "gains": gains}
    (folder / "peer.json").write_text(json.dumps(about))


def _write_interactions(histories: list[list[int]], folder: Path) -> None:
    """Write the file that RecBole reads: a row per interaction, whose time is its place in the sequence."""
    rows = ["user_id:token\titem_id:token\ttimestamp:float"]
    rows += [
        f"u{user}\t{item}\t{place}"
        for user, items in enumerate(histories)
        for place, item in enumerate(items)
    ]
    (folder / "sequences").mkdir(parents=True, exist_ok=True)
    (folder / "sequences" / "sequences.inter").write_text("\n".join(rows) + "\n")


@torch.inference_mode()
def _make_lists(model: Any, dataset: Any, histories: list[list[int]]) -> np.ndarray:
    """Return `(users, 10)` best items after all but the last two, best first, without the history's items."""
    model.eval()  # RecBole's epoch sets training mode
    token_of = dataset.field2id_token["item_id"]
    number = {int(token): at for at, token in enumerate(token_of) if at}
    item_of = np.array([0] + [int(token) for token in token_of[1:]])
    lists = np.empty((len(histories), K), np.int64)
    for start in range(0, len(histories), 256):
        known = [[number[item] for item in items[:-2]] for items in histories[start : start + 256]]
        tokens = np.zeros((len(known), HISTORY), np.int64)
        for row, items in enumerate(known):
            recent = items[-HISTORY:]
            tokens[row, : len(recent)] = recent
        length = torch.tensor([min(len(items), HISTORY) for items in known])
        scores = model.full_sort_predict({"item_id_list": torch.from_numpy(tokens), "item_length": length})
        scores[:, 0] = -torch.inf  # RecBole's padding item
        for row, items in enumerate(known):
            scores[row, items] = -torch.inf
        lists[start : start + 256] = item_of[scores.topk(K, 1).indices.numpy()]
    return lists


if __name__ == "__main__":
    main(*sys.argv[1:])
