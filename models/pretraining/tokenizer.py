"""A WordPiece tokenizer trained on the shop's own text; every Chinese character is a token, as in BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION_PREFIX = "##"
"""Begins a piece that does not begin a word."""


def train_tokenizer(texts: Sequence[str], vocabulary: int, max_tokens: int) -> Any:
    """Return a `PreTrainedTokenizerFast` with a vocabulary learned from the texts.

    Equal texts give an equal tokenizer.

    Args:
        texts: The shop's texts.
        vocabulary: Maximum number of pieces, unless the texts have more distinct characters.
        max_tokens: The tokenizer's `model_max_length`.
    """
    from tokenizers import decoders, models, processors
    from transformers import PreTrainedTokenizerFast

    untrained = _build_tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a token of text, no secret
    tokenizer = _build_tokenizer(
        models.WordPiece(_learn_vocabulary(untrained, sorted(texts), vocabulary), unk_token="[UNK]")  # noqa: S106 - a token of text, no secret
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        **dict(zip(names, SPECIAL_TOKENS, strict=True)),
    )


def _build_tokenizer(model: Any) -> Any:
    """Return a tokenizer that normalizes text and splits it into words as BERT does."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.BertNormalizer(handle_chinese_chars=True)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _learn_vocabulary(untrained: Any, texts: Sequence[str], vocabulary: int) -> dict[str, int]:
    """Return the pieces of the vocabulary and their ids.

    The trainer breaks ties between equally frequent pieces by the ids of their parts, and gives ids to the
    characters inside words in the order of a hash table that differs in every run. Giving them ids
    beforehand, as special tokens, makes the vocabulary reproducible.
    """
    from tokenizers import trainers

    inside = sorted(
        {character for text in texts for word in _split_words(untrained, text) for character in word[1:]}
    )
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        special_tokens=[*SPECIAL_TOKENS, *(f"{CONTINUATION_PREFIX}{character}" for character in inside)],
        continuing_subword_prefix=CONTINUATION_PREFIX,
        limit_alphabet=1 << 20,  # beyond the limit, characters would be dropped in the order of that table
        show_progress=False,
        min_frequency=2,
    )
    untrained.train_from_iterator(texts, trainer)
    pieces: dict[str, int] = untrained.get_vocab()
    return pieces


def _split_words(untrained: Any, text: str) -> list[str]:
    """Return the words of a text as the tokenizer splits it."""
    words = untrained.pre_tokenizer.pre_tokenize_str(untrained.normalizer.normalize_str(text))
    return [word for word, _ in words]
