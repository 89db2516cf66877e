"""A WordPiece tokenizer of the shop's own text; every Chinese character stands alone, as in BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
INSIDE = "##"
"""Marks a piece that does not begin a word."""


def train_tokenizer(texts: Sequence[str], vocabulary: int, max_tokens: int) -> Any:
    """A `PreTrainedTokenizerFast` whose vocabulary was learned from the texts; the same texts give the same one.

    Args:
        vocabulary: Pieces at most, unless the texts have more different characters.
    """
    from tokenizers import decoders, models, processors
    from transformers import PreTrainedTokenizerFast

    bare = _bare(models.WordPiece(unk_token="[UNK]"))
    raw = _bare(models.WordPiece(_learned(bare, sorted(texts), vocabulary), unk_token="[UNK]"))
    raw.decoder = decoders.WordPiece()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, raw.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, model_max_length=max_tokens, **dict(zip(names, SPECIAL, strict=True))
    )


def _bare(model: Any) -> Any:
    """A tokenizer that cuts words as BERT does."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers

    raw = Tokenizer(model)
    raw.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.BertNormalizer(handle_chinese_chars=True)]
    )
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return raw


def _learned(bare: Any, texts: Sequence[str], vocabulary: int) -> dict[str, int]:
    """The pieces and their numbers.

    The trainer breaks ties between equally frequent pieces by the numbers of their parts, and numbers the characters
    inside words in the order of a hash table that differs in every run. Numbering them beforehand, as if they were
    special, makes it the same each time.
    """
    from tokenizers import trainers

    inside = sorted({character for text in texts for word in _words(bare, text) for character in word[1:]})
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        special_tokens=[*SPECIAL, *(f"{INSIDE}{character}" for character in inside)],
        continuing_subword_prefix=INSIDE,
        limit_alphabet=1 << 20,  # above it, characters would be dropped in that table's order
        show_progress=False,
        min_frequency=2,
    )
    bare.train_from_iterator(texts, trainer)
    pieces: dict[str, int] = bare.get_vocab()
    return pieces


def _words(bare: Any, text: str) -> list[str]:
    cut = bare.pre_tokenizer.pre_tokenize_str(bare.normalizer.normalize_str(text))
    return [word for word, _ in cut]
