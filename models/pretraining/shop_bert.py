"""The shop's BERT: tokenizer and transformer trained on the shop's own text, in Hugging Face's format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.encoders.hugging_face import silence_transformers
from models.encoders.text import average_over_tokens
from models.pretraining.config import TextPretraining
from models.pretraining.info_nce import compute_info_nce
from models.pretraining.masked_language import MaskedLanguageHead, compute_masked_language_loss, mask_tokens
from models.pretraining.next_sentence import (
    NextSentenceHead,
    choose_second_sentences,
    compute_next_sentence_loss,
    pair_sentences,
    split_sentences,
)
from models.pretraining.tokenizer import train_tokenizer
from models.pretraining.training_loop import StepProgress, hide_progress, minimize_loss, seed_generator


@dataclass(frozen=True)
class ShopBert:
    """A trained tokenizer and model.

    Args:
        tokenizer: A `PreTrainedTokenizerFast`.
        model: A `BertModel`.
        losses: Losses of the training, one per step.
    """

    tokenizer: Any
    model: Any
    losses: list[float] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write both so that `HuggingFaceTextEncoder(folder)`, or transformers anywhere, reads them."""
        silence_transformers()
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def pretrain_bert(
    texts: Sequence[str], config: TextPretraining, seed: int, progress: StepProgress = hide_progress
) -> ShopBert:
    """Train a tokenizer and a BERT on the texts with the configured objectives.

    Texts of one sentence are only used for masked-language modelling, as the other objectives need pairs of
    sentences.

    Args:
        texts: The shop's texts.
        config: Objectives, sizes and steps.
        seed: Seed of the weights and of the batches.
        progress: Shows the steps.

    Raises:
        NonFiniteLoss: If the loss does not stay finite.
    """
    from transformers import BertConfig, BertModel

    tokenizer = train_tokenizer(texts, config.vocabulary, config.max_tokens)
    shape = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.dim,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=4 * config.dim,
        max_position_embeddings=config.max_tokens,
        pad_token_id=tokenizer.pad_token_id,
    )
    with seed_generator(seed) as generator:
        model = BertModel(shape, add_pooling_layer=False)
        objective = _TextObjective(tokenizer, model, texts, config, generator)
        model.train()
        modules = (model, objective.masked_head, objective.next_head)
        losses = minimize_loss(
            modules, objective.loss, config.steps, config.learning_rate, "pretrain text", progress
        )
        model.eval()
    return ShopBert(tokenizer, model, losses)


class _TextObjective:
    """The sum of the configured objectives' losses on a batch of sentence pairs, drawn at each step."""

    def __init__(
        self,
        tokenizer: Any,
        model: Any,
        texts: Sequence[str],
        config: TextPretraining,
        generator: torch.Generator,
    ) -> None:
        self.tokenizer, self.model, self.config, self.generator = tokenizer, model, config, generator
        self.masked_head = MaskedLanguageHead(config.dim, len(tokenizer))
        self.next_head = NextSentenceHead(config.dim)
        texts = sorted(set(texts))
        pairs = pair_sentences(texts)
        self.pair_count = len(pairs)
        single = [(text, "") for text in texts if len(split_sentences(text)) < 2]
        self.pairs = pairs + single
        # Each sentence is tokenized once, not at every step.
        every = sorted({side for pair in self.pairs for side in pair})
        half = config.max_tokens // 2 - 2  # leaves room for [CLS] and two [SEP] in a pair
        token_ids = tokenizer(every, add_special_tokens=False, truncation=True, max_length=half)["input_ids"]
        self.ids = dict(zip(every, token_ids, strict=True))
        self.number = {sentence: place for place, sentence in enumerate(every)}

    def loss(self, step: int) -> Tensor:  # noqa: ARG002
        """Return the sum of the configured objectives' losses on a new batch."""
        total = torch.zeros(())
        if {"masked_language", "next_sentence"} & set(self.config.objectives):
            total = total + self._compute_bert_loss()
        if "sentence_contrast" in self.config.objectives and self.pair_count > 1:
            total = total + self._compute_contrast_loss()
        return total

    def _draw_pairs(self, among: int) -> list[tuple[str, str]]:
        """Draw a batch from the first `among` pairs, with replacement."""
        rows = torch.randint(among, (min(self.config.batch, among),), generator=self.generator)
        return [self.pairs[row] for row in rows.tolist()]

    def _compute_bert_loss(self) -> Tensor:
        """Return the masked-language and next-sentence losses, which share one pass through the model."""
        drawn = self._draw_pairs(len(self.pairs))
        shown, follows = choose_second_sentences(len(drawn), self.generator)
        ids, kinds, mask = self._build_batch(
            [(drawn[i][0], drawn[j][1]) for i, j in enumerate(shown.tolist())]
        )
        special = torch.isin(ids, torch.tensor(self.tokenizer.all_special_ids))
        hidden, labels = mask_tokens(
            ids,
            special,
            self.config.masked_share,
            self.tokenizer.mask_token_id,
            len(self.tokenizer),
            self.generator,
        )
        if "masked_language" not in self.config.objectives:
            hidden = ids  # next sentence alone reads unmasked sentences
        states = self.model(input_ids=hidden, token_type_ids=kinds, attention_mask=mask).last_hidden_state
        total = torch.zeros(())
        if "masked_language" in self.config.objectives:
            words = self.model.embeddings.word_embeddings.weight
            total = total + compute_masked_language_loss(self.masked_head, states, words, labels)
        has_two = torch.tensor([bool(pair[1]) for pair in drawn]) & torch.tensor(
            [bool(drawn[j][1]) for j in shown.tolist()]
        )
        if "next_sentence" in self.config.objectives and has_two.any():
            total = total + compute_next_sentence_loss(self.next_head, states[has_two, 0], follows[has_two])
        return total

    def _compute_contrast_loss(self) -> Tensor:
        """Return InfoNCE between neighbouring sentences.

        As in SimCSE (Gao et al., 2021), with neighbouring sentences as partners instead of two dropout masks.
        """
        drawn = self._draw_pairs(self.pair_count)
        same = torch.tensor([self.number[one] for one, _ in drawn])
        one, two = self._encode_pairs([(pair[side], "") for side in (0, 1) for pair in drawn]).chunk(2)
        return compute_info_nce(one, two, self.config.temperature, same)

    def _encode_pairs(self, pairs: list[tuple[str, str]]) -> Tensor:
        """Return the mean state of each pair, `(pairs, dim)` of length 1."""
        ids, kinds, mask = self._build_batch(pairs)
        states = self.model(input_ids=ids, token_type_ids=kinds, attention_mask=mask).last_hidden_state
        return nn.functional.normalize(average_over_tokens(states, mask.bool()), dim=1)

    def _build_batch(self, pairs: list[tuple[str, str]]) -> tuple[Tensor, Tensor, Tensor]:
        """Return token ids, sentence numbers and attention mask, `(b, tokens) int64` each."""
        start, stop, pad = (
            self.tokenizer.cls_token_id, self.tokenizer.sep_token_id, self.tokenizer.pad_token_id
        )  # fmt: skip
        ones = [[start, *self.ids[one], stop] for one, _ in pairs]
        twos = [[*self.ids[two], stop] if two else [] for _, two in pairs]
        longest = max(len(one) + len(two) for one, two in zip(ones, twos, strict=True))
        ids = torch.full((len(pairs), longest), pad)
        kinds, mask = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, (one, two) in enumerate(zip(ones, twos, strict=True)):
            ids[row, : len(one) + len(two)] = torch.tensor(one + two)
            kinds[row, len(one) : len(one) + len(two)] = 1
            mask[row, : len(one) + len(two)] = 1
        return ids, kinds, mask
