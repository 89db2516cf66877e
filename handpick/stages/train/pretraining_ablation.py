"""The night's dataset with encoders pretrained differently: without one objective, or with one more."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from handpick.dataset.content_tables import read_items, read_queries
from handpick.dataset.encoders import open_registry
from handpick.dataset.load import load_dataset
from handpick.dataset.media_files import MediaFiles
from handpick.night import Night
from handpick.settings.embed import EmbedSettings
from handpick.settings.pretraining import PretrainingSettings
from handpick.stages.embed import public as embed
from handpick.stages.pretrain.public import EncoderTrainer
from models.dataset import Dataset
from models.encoders.encoder_names import BILSTM, SHOP_BERT, SHOP_CNN
from models.pretraining.config import AUDIO_OBJECTIVES, IMAGE_OBJECTIVES, TEXT_OBJECTIVES


@dataclass(frozen=True)
class PretrainingVariant:
    """One way to pretrain that differs from the configured one.

    Args:
        encoder: The encoder that is trained differently.
        settings: How it is trained.
    """

    encoder: str
    settings: PretrainingSettings


def list_pretraining_variants(
    configured: PretrainingSettings, encoders: EmbedSettings, has_pictures: bool, has_sounds: bool
) -> dict[str, PretrainingVariant]:
    """Return the pretraining variants that differ from the configured one in one objective, by row name.

    An encoder without its last objective keeps its initial random weights.

    Args:
        configured: `[pretraining]`.
        encoders: `[embed]`; encoders that are not trained on the shop have no variants.
        has_pictures: Whether the shop has pictures.
        has_sounds: Whether the shop has recordings.
    """
    variants: dict[str, PretrainingVariant] = {}
    if SHOP_BERT in encoders.text:
        variants |= _vary_objectives(configured, "text", SHOP_BERT, TEXT_OBJECTIVES)
    if has_pictures and encoders.image == SHOP_CNN:
        variants |= _vary_objectives(configured, "image", SHOP_CNN, IMAGE_OBJECTIVES)
    if has_sounds and encoders.audio == BILSTM:
        # Audio has one objective, so its only variant is an untrained encoder.
        untrained = configured.audio.model_copy(update={"steps": 0})
        variants[f"pretraining without {AUDIO_OBJECTIVES[0]}"] = PretrainingVariant(
            BILSTM, configured.model_copy(update={"audio": untrained})
        )
    return variants


def _vary_objectives(
    configured: PretrainingSettings, kind: str, encoder: str, every: Sequence[str]
) -> dict[str, PretrainingVariant]:
    """Return one content's variants: each configured objective left out, each other objective added."""
    section = getattr(configured, kind)
    variants = {}
    for objective in every:
        is_used = objective in section.objectives
        objectives = tuple(one for one in every if (one in section.objectives) != (one == objective))
        steps = section.steps if objectives else 0
        changed = section.model_copy(update={"objectives": objectives, "steps": steps})
        name = f"pretraining {'without' if is_used else 'with'} {objective}"
        variants[name] = PretrainingVariant(encoder, configured.model_copy(update={kind: changed}))
    return variants


@contextmanager
def load_dataset_with_variant(night: Night, variant: PretrainingVariant) -> Iterator[Dataset]:
    """Yield tonight's dataset with the vectors of encoders pretrained as the variant says.

    Nothing of it is kept.

    Raises:
        NightStopped: If a training fails.
    """
    with reencode_with_variant(night, variant) as (other, tables):
        yield load_dataset(other, tables)


@contextmanager
def reencode_with_variant(
    night: Night, variant: PretrainingVariant
) -> Iterator[tuple[Night, dict[str, pa.Table]]]:
    """Yield the night with the variant's encoders, and the tables that `embed` would have written with them.

    The encoders are gone after the block. The audio encoder is trained again with the text encoder, whose
    vector space it shares.

    Yields:
        The night with a registry of its own; and the tables `items` and `queries`.

    Raises:
        NightStopped: If a training fails.
    """
    settings, date = night.settings, night.logical_date
    with tempfile.TemporaryDirectory(prefix="handpick-ablate-") as folder:
        open_registry(night).link_into(Path(folder), date, without={variant.encoder})
        changed = settings.embed.model_copy(update={"encoders": Path(folder)})
        other = Night(settings.model_copy(update={"embed": changed, "pretraining": variant.settings}), date)
        items, queries, files = read_items(other), read_queries(other), MediaFiles(other)
        encoders = embed.NightEncoders(EncoderTrainer(other, items, queries, files, date))
        # Vectors of the encoders that are the same are reused from tonight's tables.
        tonight = {name: night.lake.read(name, date) for name in (embed.ITEMS, embed.QUERIES)}
        with embed.use_one_torch_thread():
            item_columns, _ = embed.encode_items(items, files, encoders, tonight[embed.ITEMS])
            query_columns, _ = embed.encode_queries(queries, files, encoders, tonight[embed.QUERIES])
        kept = embed.KEPT_COLUMNS
        yield (
            other,
            {
                "items": embed.build_table(items, kept[embed.ITEMS], item_columns),
                "queries": embed.build_table(queries, kept[embed.QUERIES], query_columns),
            },
        )
