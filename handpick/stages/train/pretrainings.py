"""The night's dataset with encoders that were pretrained otherwise: without one objective, or with one more."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from handpick.dataset.load import load_dataset
from handpick.night import Night
from handpick.settings.embed import EmbedSettings
from handpick.settings.pretraining import PretrainingSettings
from handpick.stages.embed import ITEMS, KEPT, QUERIES, items_encoded, queries_encoded, table_of
from models.data import Dataset
from models.encoders.names import BILSTM, SHOP_BERT, SHOP_CNN
from models.pretraining.config import AUDIO, IMAGE, TEXT


@dataclass(frozen=True)
class Pretraining:
    """One way to pretrain.

    Args:
        encoder: Which encoder is trained otherwise.
        settings: How.
    """

    encoder: str
    settings: PretrainingSettings


def pretrainings(
    chosen: PretrainingSettings, embed: EmbedSettings, has_pictures: bool, has_sounds: bool
) -> dict[str, Pretraining]:
    """Every way that differs from the configured one in one objective, by the name of its row.

    An encoder without its last objective keeps the weights that it was drawn with.
    """
    found: dict[str, Pretraining] = {}
    if SHOP_BERT in embed.text:
        found |= _by_objective(chosen, "text", SHOP_BERT, TEXT)
    if has_pictures and embed.image == SHOP_CNN:
        found |= _by_objective(chosen, "image", SHOP_CNN, IMAGE)
    if has_sounds and embed.audio == BILSTM:
        untrained = chosen.audio.model_copy(update={"steps": 0})
        found[f"pretraining without {AUDIO[0]}"] = Pretraining(
            BILSTM, chosen.model_copy(update={"audio": untrained})
        )
    return found


def _by_objective(
    chosen: PretrainingSettings, kind: str, encoder: str, every: Sequence[str]
) -> dict[str, Pretraining]:
    """The ways of one kind of content."""
    own = getattr(chosen, kind)
    found = {}
    for objective in every:
        is_used = objective in own.objectives
        others = tuple(one for one in every if (one in own.objectives) != (one == objective))
        steps = own.steps if others else 0
        changed = own.model_copy(update={"objectives": others, "steps": steps})
        name = f"pretraining {'without' if is_used else 'with'} {objective}"
        found[name] = Pretraining(encoder, chosen.model_copy(update={kind: changed}))
    return found


@contextmanager
def pretrained(night: Night, way: Pretraining) -> Iterator[Dataset]:
    """Tonight's dataset with vectors of encoders that were trained this way; nothing of it is kept.

    Raises:
        NightStopped: If a training fails.
    """
    with reencoded(night, way) as (other, tables):
        yield load_dataset(other, tables)


@contextmanager
def reencoded(night: Night, way: Pretraining) -> Iterator[tuple[Night, dict[str, pa.Table]]]:
    """The night with such encoders, which are gone afterwards, and what `embed` would have written of it.

    The audio encoder is trained anew with the text encoder, in whose space its vectors lie.

    Raises:
        NightStopped: If a training fails.
    """
    from handpick.stages.embed.encoders import Encoders
    from handpick.stages.embed.media_files import Files
    from handpick.stages.embed.threads import one_thread
    from handpick.stages.pretrain import corpus
    from handpick.stages.pretrain.trainer import Trainer
    from handpick.stages.pretrain.versions import Versions

    settings, date = night.settings, night.logical_date
    with tempfile.TemporaryDirectory(prefix="handpick-ablate-") as folder:
        Versions(settings.path(settings.embed.encoders)).lent(Path(folder), date, without={way.encoder})
        embed = settings.embed.model_copy(update={"encoders": Path(folder)})
        other = Night(settings.model_copy(update={"embed": embed, "pretraining": way.settings}), date)
        items, queries, files = corpus.items(other), corpus.queries(other), Files(other)
        encoders = Encoders(Trainer(other, items, queries, files, date))
        # vectors of the encoders that are the same are taken from tonight's
        before = {name: night.lake.read(name, date) for name in (ITEMS, QUERIES)}
        with one_thread():
            phones, _ = items_encoded(items, files, encoders, before[ITEMS])
            asked, _ = queries_encoded(queries, files, encoders, before[QUERIES])
        yield (
            other,
            {
                "items": table_of(items, KEPT[ITEMS], phones),
                "queries": table_of(queries, KEPT[QUERIES], asked),
            },
        )
