"""Tiny models with random weights, saved in the Hugging Face format as real ones are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.pretraining.tokenizer import train_tokenizer

TEXTS = ("red phone with a large battery", "blue phone, small and light", "红色手机，电池大", "手机 with pen")

Saved = Callable[[str], Path]


def _bert() -> Any:
    from transformers import BertConfig, BertModel

    shape = BertConfig(
        vocab_size=120, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    return BertModel(shape, add_pooling_layer=False)


def _vit() -> Any:
    from transformers import ViTConfig, ViTModel

    shape = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )  # fmt: skip
    return ViTModel(shape, add_pooling_layer=False)


def _clip() -> Any:
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    words = {**small, "vocab_size": 120, "max_position_embeddings": 64}
    return CLIPModel(
        CLIPConfig(
            text_config=words, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=12
        )
    )


def _wav2vec() -> Any:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    shape = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8, 8),
        conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    return Wav2Vec2Model(shape)


def _whisper() -> Any:
    from transformers import WhisperConfig, WhisperModel

    shape = WhisperConfig(
        vocab_size=50, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=80, max_source_positions=100,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
    )  # fmt: skip
    return WhisperModel(shape)


KINDS = {"bert": _bert, "vit": _vit, "clip": _clip, "wav2vec": _wav2vec, "whisper": _whisper}


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Return a function from a kind to the folder of a tiny model; text models have a Chinese and English tokenizer."""
    made: dict[str, Path] = {}

    def folder_of(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(3)
            folder = tmp_path_factory.mktemp(kind)
            KINDS[kind]().save_pretrained(folder)
            if kind in ("bert", "clip"):
                train_tokenizer(TEXTS, 120, 64).save_pretrained(folder)
            if kind == "clip":
                preprocessing = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
                (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
            made[kind] = folder
        return made[kind]

    return folder_of
