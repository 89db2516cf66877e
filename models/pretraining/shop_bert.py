"""The small BERT: tokenizer and transformer trained on the shop's own text, saved in Hugging Face's format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.encoders.hugging_face import be_quiet
from models.encoders.text import mean_over_tokens
from models.pretraining.config import TextPretraining
from models.pretraining.info_nce import info_nce
from models.pretraining.loop import Progress, seeded, silent, train
from models.pretraining.masked_language import MaskedLanguageHead, hide, masked_language_loss
from models.pretraining.next_sentence import (
    NextSentenceHead,
    next_sentence_loss,
    pairs_of,
    sentences,
    with_strangers,
)
from models.pretraining.tokenizer import train_tokenizer


@dataclass(frozen=True)
class ShopBert:
    """A trained tokenizer and model, and the loss at every step."""

    tokenizer: Any
    model: Any
    losses: list[float] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write both so that `HuggingFaceText(folder)`, or transformers anywhere, reads them."""
        be_quiet()
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def pretrain_bert(
    texts: Sequence[str], config: TextPretraining, seed: int, progress: Progress = silent
) -> ShopBert:
    """Train on the texts with the configured objectives; a shop of one-sentence texts still has masked language.

    Raises:
        NotFinite: If the loss does not stay finite.
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
    with seeded(seed) as generator:
        model = BertModel(shape, add_pooling_layer=False)
        course = _Course(tokenizer, model, texts, config, generator)
        model.train()
        modules = (model, course.masked_head, course.next_head)
        losses = train(modules, course.loss, config.steps, config.learning_rate, "pretrain text", progress)
        model.eval()
    return ShopBert(tokenizer, model, losses)


class _Course:
    """Draws a batch of sentence pairs at each step and sums the objectives' losses on it."""

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
        pairs = pairs_of(texts)
        self.paired = len(pairs)
        alone = [(text, "") for text in texts if len(sentences(text)) < 2]
        self.pairs = pairs + alone
        # each sentence becomes token ids once, not at every step
        every = sorted({side for pair in self.pairs for side in pair})
        half = config.max_tokens // 2 - 2
        told = tokenizer(every, add_special_tokens=False, truncation=True, max_length=half)["input_ids"]
        self.ids = dict(zip(every, told, strict=True))
        self.number = {sentence: place for place, sentence in enumerate(every)}

    def loss(self, step: int) -> Tensor:  # noqa: ARG002
        """The sum of the configured objectives on a fresh batch."""
        total = torch.zeros(())
        if {"masked_language", "next_sentence"} & set(self.config.objectives):
            total = total + self._bert()
        if "sentence_contrast" in self.config.objectives and self.paired > 1:
            total = total + self._contrast()
        return total

    def _draw(self, among: int) -> list[tuple[str, str]]:
        rows = torch.randint(among, (min(self.config.batch, among),), generator=self.generator)
        return [self.pairs[row] for row in rows.tolist()]

    def _bert(self) -> Tensor:
        drawn = self._draw(len(self.pairs))
        shown, follows = with_strangers(len(drawn), self.generator)
        ids, kinds, mask = self._batch([(drawn[i][0], drawn[j][1]) for i, j in enumerate(shown.tolist())])
        special = torch.isin(ids, torch.tensor(self.tokenizer.all_special_ids))
        hidden, answers = hide(
            ids,
            special,
            self.config.masked_share,
            self.tokenizer.mask_token_id,
            len(self.tokenizer),
            self.generator,
        )
        if "masked_language" not in self.config.objectives:
            hidden = ids
        states = self.model(input_ids=hidden, token_type_ids=kinds, attention_mask=mask).last_hidden_state
        total = torch.zeros(())
        if "masked_language" in self.config.objectives:
            words = self.model.embeddings.word_embeddings.weight
            total = total + masked_language_loss(self.masked_head, states, words, answers)
        has_two = torch.tensor([bool(pair[1]) for pair in drawn]) & torch.tensor(
            [bool(drawn[j][1]) for j in shown.tolist()]
        )
        if "next_sentence" in self.config.objectives and has_two.any():
            total = total + next_sentence_loss(self.next_head, states[has_two, 0], follows[has_two])
        return total

    def _contrast(self) -> Tensor:
        """Sentences of one text are partners (as in Gao et al., SimCSE, 2021, with neighbours instead of dropout)."""
        drawn = self._draw(self.paired)
        same = torch.tensor([self.number[one] for one, _ in drawn])
        one, two = self._pooled([(pair[side], "") for side in (0, 1) for pair in drawn]).chunk(2)
        return info_nce(one, two, self.config.temperature, same)

    def _pooled(self, pairs: list[tuple[str, str]]) -> Tensor:
        ids, kinds, mask = self._batch(pairs)
        states = self.model(input_ids=ids, token_type_ids=kinds, attention_mask=mask).last_hidden_state
        return nn.functional.normalize(mean_over_tokens(states, mask.bool()), dim=1)

    def _batch(self, pairs: list[tuple[str, str]]) -> tuple[Tensor, Tensor, Tensor]:
        """Ids, sentence numbers and mask, `(b, tokens) int64` each."""
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
