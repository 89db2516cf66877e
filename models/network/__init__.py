"""The fusion network and its inputs; nothing here knows how the network is fitted.

`score(u, i, t) = user · item + w(user) · φ(item, t) + bias(item)`. Start at `fusion_network.py`: it builds
the item tower (`item_tower.py`), the user tower (`user_tower.py`, with `sequence_encoder.py`) and the
inference steps (`iterative_inference.py`). Their inputs are made by `inputs.py`, `user_sequences.py`,
`sequence_batching.py` and `temporal_features.py`.

Names of submodules, parameters and buffers are keys of the stored `weights.safetensors`: renaming one makes
saved models unreadable.
"""
