"""Typed settings of all models and their training.

This module imports no torch, so that reading settings stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field

from models.encoders.encoder_names import MINILM


class Config(BaseModel):
    """A group of settings.

    Unknown keys are errors; values are checked once and cannot be changed afterwards.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    former_keys: ClassVar[Mapping[str, str]] = {}
    """Old name = new name of keys that are stored with fitted models under their old names."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `model_dump` returned when a model was saved, also under former names of keys.

        Raises:
            ValidationError: If a key is unknown under any name, or a value cannot be used.
        """
        return cls(
            **{
                key if key in cls.model_fields else cls.former_keys.get(key, key): value
                for key, value in dict(stored).items()
            }
        )


CodeKind = Literal["none", "autoencoder", "variational"]
"""Models that can make the learned code of a phone's content."""
InnerFusion = Literal["attention", "concat", "features", "gated", "cross_attention"]
"""Ways to fuse the vectors of the modalities into one."""


class EndToEndConfig(Config):
    """Joint training of the encoders with the recommender, with `fusion = "end_to_end"`."""

    inner: InnerFusion = Field("attention", description="How the modalities' vectors are fused into one.")
    frozen: tuple[str, ...] = Field(
        (MINILM,),
        description="Kinds of content (`text`, `image`, `audio`), or text encoders by name, whose encoders "
        "are not trained.",
    )
    learning_rate: float = Field(
        3e-4, gt=0, description="Peak learning rate of AdamW for the encoders' weights."
    )
    rows: int = Field(
        64,
        ge=1,
        description="Maximum number of contents of each kind that are encoded with gradients in a step, "
        "those of the batch first; the vectors of all others are read from a table. Bounds memory and time.",
    )
    refresh_steps: int = Field(
        100, ge=1, description="Steps after which that table is computed again with the current weights."
    )
    save_memory: bool = Field(
        False,
        description="Compute the encoders' activations a second time in the backward pass instead of "
        "keeping them (gradient checkpointing).",
    )


class RowsPretraining(Config):
    """Autoencoders of rows: of users' histories, or of phones' content vectors."""

    hidden: int = Field(256, ge=2, description="Width of the hidden layers.")
    dim: int = Field(64, ge=1, description="Width of the code.")
    steps: int = Field(600, ge=0, description="Training steps.")
    batch: int = Field(128, ge=2, description="Rows per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate of AdamW.")
    corruption: float = Field(0.3, ge=0, lt=1, description="Share of the input that is hidden in training.")
    final_beta: float = Field(0.2, ge=0, description="Final weight of the Kullback-Leibler term.")
    annealing: float = Field(
        0.5, ge=0, le=1, description="Share of the steps over which that weight grows from 0."
    )


class FusionConfig(Config):
    """Architecture of the fusion recommender."""

    fusion: Literal[InnerFusion, "late_weighted", "late_vote", "end_to_end"] = Field(
        "features", description="How the modalities are fused."
    )
    dim: int = Field(64, ge=8, description="Width of item and user vectors.")
    layers: int = Field(1, ge=1, description="Layers of the sequence encoder.")
    heads: int = Field(2, ge=1, description="Attention heads of the sequence encoder.")
    history: int = Field(
        50, ge=1, description="Events of a user that the sequence encoder reads: the latest ones."
    )
    queries: int = Field(8, ge=1, description="Queries of a user that are read: the latest ones.")
    without: tuple[str, ...] = Field(
        (),
        description="Modalities that are left out. Of phones: text, image, specs, facts, identity. Of "
        "users: behaviour, query_text, query_image, query_audio, profile.",
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout rate of hidden layers.")
    input_dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate of the encoders' vectors.")
    identity_dropout: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="Probability that a phone's identity embedding is hidden in a training step.",
    )
    modality_dropout: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Probability that another modality of a phone or a query is hidden in a training step.",
    )
    inference_steps: int = Field(
        3,
        ge=0,
        description="Steps of iterative inference, which move a user's vector towards one that explains "
        "their choices; 0 for none.",
    )
    evidence: int = Field(
        200,
        ge=1,
        description="Phones that a user chose or was shown and that these steps use: the latest ones.",
    )
    identity_start: Literal["random", "autoencoder", "variational"] = Field(
        "random",
        description="Initial values of the phones' identity embeddings: random, or each phone's code by an "
        "autoencoder, or by a variational autoencoder, of users' histories.",
    )
    identity_rows: RowsPretraining = RowsPretraining()
    end_to_end: EndToEndConfig = EndToEndConfig()

    @property
    def inner(self) -> str:
        """The fusion of vectors inside each tower, also with `end_to_end`."""
        return self.end_to_end.inner if self.is_end_to_end else self.fusion

    @property
    def is_end_to_end(self) -> bool:
        """Whether the encoders are trained together with the recommender."""
        return self.fusion == "end_to_end"


class MemberConfig(Config):
    """Settings that every member of the family has."""

    half_life_days: float | None = Field(
        None,
        gt=0,
        description="Half-life of an event's weight in days; without it all events weigh the same.",
    )
    rank: int = Field(
        1024,
        ge=8,
        description="Width of the factors through which catalogues of more phones than this are scored.",
    )


class PopularityConfig(MemberConfig):
    """Popularity by country with time decay."""

    half_life_days: float | None = Field(7.0, gt=0, description="Half-life of an event's weight in days.")
    prior_events: float = Field(
        50.0,
        ge=0,
        description="Pseudo-events by which the whole shop's popularity is mixed into each country's.",
    )


class FreshnessConfig(MemberConfig):
    """Popularity of phones by their age since release."""

    prior_events: float = Field(
        20.0, ge=0, description="Pseudo-events at the average rate that are mixed into each age."
    )


class UserNeighboursConfig(MemberConfig):
    """User-based nearest neighbours."""

    similarity: Literal["cosine", "pearson"] = Field("cosine", description="Similarity of two users.")
    neighbours: int = Field(200, ge=1, description="Number of most similar users whose preferences count.")
    shrinkage: float = Field(
        5.0, ge=0, description="Pearson only: number of common phones at which the correlation is halved."
    )
    pool: int = Field(
        50_000,
        ge=1,
        description="Maximum number of users who may be neighbours; of more, a seeded sample is taken.",
    )


class ItemNeighboursConfig(MemberConfig):
    """Item-based nearest neighbours."""

    weighting: Literal["cosine", "tf_idf", "bm25"] = Field(
        "cosine", description="Weighting of the events before the cosine."
    )
    neighbours: int = Field(
        100, ge=1, description="Number of most similar phones that are kept for each phone."
    )


class AlsConfig(MemberConfig):
    """Implicit alternating least squares."""

    dim: int = Field(32, ge=1, description="Width of the factors.")
    regularization: float = Field(1.0, ge=0, description="Penalty on the factors' squares.")
    alpha: float = Field(5.0, gt=0, description="Confidence that one unit of preference adds.")
    iterations: int = Field(12, ge=1, description="Alternations between users and phones.")


class BprConfig(MemberConfig):
    """Bayesian personalised ranking."""

    dim: int = Field(32, ge=1, description="Width of the factors.")
    learning_rate: float = Field(0.05, gt=0, description="Learning rate of the stochastic gradient descent.")
    regularization: float = Field(0.01, ge=0, description="Penalty on the factors' squares.")
    iterations: int = Field(60, ge=1, description="Passes over the interactions.")


class EaseConfig(MemberConfig):
    """EASE^R, the linear autoencoder in closed form."""

    former_keys = {"most_items": "max_items"}

    regularization: float = Field(
        3.0,
        gt=0,
        description="Ridge penalty, in multiples of the mean of the co-occurrence matrix's diagonal.",
    )
    user_degree: float = Field(
        0.5,
        ge=0,
        description="Exponent by which active users count less: an error on a user counts "
        "`degree^-user_degree`, where the degree is the sum of their preferences; 0 counts all users alike.",
    )
    max_items: int = Field(
        12_000,
        ge=1,
        description="Maximum number of liked phones; with more, the member is left out, as it needs about "
        "24 bytes times their square.",
    )


class GraphFilterConfig(MemberConfig):
    """The linear graph filter."""

    frequencies: int = Field(32, ge=1, description="Number of lowest graph frequencies that pass.")
    low_pass: float = Field(0.3, ge=0, description="Weight of the low-pass part.")
    neighbours: float = Field(1.0, ge=0, description="Weight of the neighbourhood part.")
    degree: float = Field(
        0.5, ge=0, description="Exponent of users' and phones' degrees in the matrix whose frequencies pass."
    )
    between_degree: float = Field(
        1.0, ge=0, description="Neighbourhood part: exponent of the degree of the users between two phones."
    )
    from_degree: float = Field(
        0.5, ge=0, description="Neighbourhood part: exponent of the degree of the phone that was liked."
    )
    to_degree: float = Field(
        0.5, ge=0, description="Neighbourhood part: exponent of the degree of the phone that is scored."
    )
    is_exact: bool = Field(
        False,
        description="Score by the filter itself instead of its approximation of width `rank`; takes about "
        "`12 * pairs + 8 * phones * frequencies` bytes more.",
    )


class MultVaeConfig(MemberConfig):
    """The multinomial variational autoencoder."""

    hidden: int = Field(128, ge=1, description="Width of the hidden layers.")
    dim: int = Field(32, ge=1, description="Width of the latent vector.")
    epochs: int = Field(20, ge=1, description="Passes over the users.")
    batch: int = Field(256, ge=1, description="Users per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Learning rate of Adam.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of the history that is hidden in training.")
    anneal: float = Field(0.2, ge=0, le=1, description="Final weight of the Kullback-Leibler term.")


class ContentConfig(MemberConfig):
    """Similarity of phones' content to the phones and queries of the user's history."""

    half_life_days: float | None = Field(
        14.0, gt=0, description="Half-life of an event's or query's weight in days."
    )
    query_weight: float = Field(1.0, ge=0, description="Weight of a query relative to a view.")
    modality_weights: dict[str, float] = Field(
        {"text": 1.0, "image": 1.0, "specs": 1.0}, description="Weight of each content modality."
    )
    code: CodeKind = Field(
        "autoencoder",
        description="Model that makes a learned code of a phone's whole content, used in addition to its "
        "modalities.",
    )
    code_weight: float = Field(2.0, ge=0, description="Weight of that code.")
    rows: RowsPretraining = RowsPretraining(hidden=128, steps=200, batch=64)


class FeaturesCombinedConfig(MemberConfig):
    """Feature combination: collaborative factors and content in one model."""

    dim: int = Field(
        32, ge=1, description="Width of the collaborative factors that are combined with content."
    )
    ridge: float = Field(10.0, gt=0, description="Penalty of the regression from content to factors.")
    half_life_days: float | None = Field(None, gt=0, description="Half-life of an event's weight in days.")


class StackedConfig(Config):
    """The stacked hybrid: gradient-boosted trees over the members' scores."""

    objective: Literal["lambdarank", "binary"] = Field(
        "lambdarank",
        description="What the trees learn: the order of a list (LambdaMART), or whether each phone is "
        "chosen.",
    )
    threads: int = Field(1, ge=1, description="CPU threads; the trees do not depend on it.")
    min_leaf_rows: int = Field(40, ge=1, description="Minimum number of candidates in a leaf.")
    trees: int = Field(80, ge=1, description="Boosting rounds.")
    leaves: int = Field(15, ge=2, description="Maximum number of leaves of a tree.")
    learning_rate: float = Field(0.08, gt=0, description="Shrinkage of each tree.")
    candidates: int = Field(
        60, ge=1, description="Phones per user that it ranks, proposed by the weighted hybrid."
    )
    max_users: int = Field(
        1500,
        ge=10,
        description="Maximum number of validation users that it is trained on; of more, a sample is taken.",
    )


MEMBERS = Literal[
    "popularity", "freshness", "user_cosine", "user_pearson", "item_cosine", "item_tf_idf", "item_bm25",
    "als", "bpr", "ease", "graph_filter", "mult_vae", "content", "features_combined",
]  # fmt: skip
"""Names of the members, as in the settings, in the evaluation and in the column `source`."""

HYBRIDS = Literal["cascade_content_first", "cascade_behaviour_first", "stacked"]
"""Names of the hybrids other than the weighted one."""


class FamilyConfig(Config):
    """The collaborative, content and hybrid models that are fitted in addition to the fusion model."""

    members: tuple[MEMBERS, ...] = Field(
        get_args(MEMBERS), min_length=1, description="Members that are fitted and measured every night."
    )
    hybrids: tuple[HYBRIDS, ...] = Field(
        get_args(HYBRIDS),
        description="Hybrids that are measured every night; the weighted hybrid always is.",
    )
    popularity: PopularityConfig = PopularityConfig()
    freshness: FreshnessConfig = FreshnessConfig()
    user_cosine: UserNeighboursConfig = UserNeighboursConfig()
    user_pearson: UserNeighboursConfig = UserNeighboursConfig(similarity="pearson")
    item_cosine: ItemNeighboursConfig = ItemNeighboursConfig()
    item_tf_idf: ItemNeighboursConfig = ItemNeighboursConfig(weighting="tf_idf")
    item_bm25: ItemNeighboursConfig = ItemNeighboursConfig(weighting="bm25")
    als: AlsConfig = AlsConfig()
    bpr: BprConfig = BprConfig()
    ease: EaseConfig = EaseConfig()
    graph_filter: GraphFilterConfig = GraphFilterConfig()
    mult_vae: MultVaeConfig = MultVaeConfig()
    content: ContentConfig = ContentConfig()
    features_combined: FeaturesCombinedConfig = FeaturesCombinedConfig()
    stacked: StackedConfig = StackedConfig()
    cascade_candidates: int = Field(
        100, ge=1, description="Phones that the first stage of a cascade proposes."
    )


class TrainingConfig(Config):
    """Training of the fusion model."""

    former_keys = {"most_beside": "max_parallel_interactions", "least_steps": "min_epoch_steps"}

    device: str = Field("auto", description="`auto` uses a GPU if there is one, else the CPU.")
    threads: int = Field(
        2,
        ge=1,
        description="CPU threads. The last bits of a model depend on it, so it is not taken from the "
        "machine.",
    )
    max_parallel_interactions: int = Field(
        2_000_000,
        ge=0,
        description="Maximum number of interactions with which the fusion models for selection and for "
        "serving are trained in parallel on a CPU, in two processes with half of the threads each. With "
        "more, with one thread or on a GPU, they are trained one after the other.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Precision of matrix products; `auto` uses bfloat16 on GPUs that support it."
    )
    compile: bool = Field(
        False, description="Compile the loss with torch.compile, which pays off in long trainings."
    )
    epochs: int = Field(5, ge=1, description="Maximum number of passes over the user sequences.")
    patience: int = Field(
        4, ge=1, description="Epochs without a better validation NDCG after which training stops."
    )
    batch: int = Field(128, ge=1, description="Maximum number of sequence windows per step.")
    min_epoch_steps: int = Field(
        24,
        ge=1,
        description="Minimum number of steps per epoch: the batches of a small shop are smaller, down to 8 "
        "sequence windows.",
    )
    accumulation: int = Field(
        1,
        ge=1,
        description="Parts in which a batch is computed one after the other, to save memory (gradient "
        "accumulation).",
    )
    learning_rate: float = Field(1.5e-3, gt=0, description="Peak learning rate of AdamW.")
    identity_pace: float = Field(
        5.0,
        gt=0,
        description="Multiple of the learning rate for the phones' identity embeddings.",
    )
    warm_up: float = Field(
        0.05, ge=0, lt=1, description="Share of the steps over which the learning rate grows from 0."
    )
    weight_decay: float = Field(0.1, ge=0, description="Weight decay of AdamW.")
    clip: float = Field(1.0, gt=0, description="Norm to which the gradient is clipped.")
    half_life_days: float | None = Field(
        None,
        gt=0,
        description="Half-life of an event's weight in the loss, in days; without it all weigh the same.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of the target that is spread over all phones."
    )
    shown_weight: float = Field(
        0.5, ge=0, description="Weight of the second loss: which of the phones that were shown was opened."
    )
    newcomer_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of a second example of each user with queries, in which their events are hidden "
        "as for a new user.",
    )
    full_softmax: int = Field(
        20_000,
        ge=1,
        description="Maximum number of phones with which the softmax is over the whole catalogue.",
    )
    negatives: int = Field(
        2048, ge=1, description="Negatives that are sampled per step in larger catalogues, by popularity."
    )
    checkpoint_steps: int = Field(500, ge=1, description="Steps between two checkpoints within an epoch.")
    warm_start: bool = Field(
        True, description="Start from the last night's weights if encoders and settings are the same."
    )
    warm_epochs: int = Field(
        2, ge=1, description="Maximum number of passes when training starts from the last night's weights."
    )
    tracking: str = Field(
        "var/mlflow.db",
        description="SQLite file of MLflow, relative to the folder of handpick.toml; empty for no tracking.",
    )
    validation_users: int = Field(
        3000,
        ge=20,
        description="Maximum number of users by whom early stopping is decided; of more, a "
        "seeded sample is taken.",
    )
