"""Typed settings of everything that learns; importing this module imports no torch."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from models.encoders.names import MINILM


class Config(BaseModel):
    """Settings: unknown keys are errors, values are checked and then frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


CodeKind = Literal["none", "autoencoder", "variational"]
"""What makes a learned code."""
InnerFusion = Literal["attention", "concat", "features", "gated", "cross_attention"]
"""Fusions of vectors."""


class EndToEndConfig(Config):
    """How encoders learn together with the recommender, with `fusion = "end_to_end"`."""

    inner: InnerFusion = Field("attention", description="How modalities become one vector.")
    frozen: tuple[str, ...] = Field(
        (MINILM,),
        description="Kinds of content (`text`, `image`, `audio`) or text encoders by name that stay as they are.",
    )
    learning_rate: float = Field(3e-4, gt=0, description="Highest step of AdamW for the encoders' weights.")
    rows: int = Field(
        64,
        ge=1,
        description="Contents of each kind that are encoded with gradients in a step at most, those of the batch "
        "first; the vectors of all others are taken from a table. It bounds memory and time.",
    )
    refresh_steps: int = Field(
        100, ge=1, description="Steps after which that table is made again with the weights of the moment."
    )
    save_memory: bool = Field(
        False,
        description="Forget what encoders compute on the way and compute it twice (gradient checkpointing).",
    )


class RowsPretraining(Config):
    """Autoencoders of rows: users' histories, or phones' content vectors."""

    hidden: int = Field(256, ge=2, description="Width of the hidden layers.")
    dim: int = Field(64, ge=1, description="Width of the code.")
    steps: int = Field(600, ge=0, description="Gradient steps.")
    batch: int = Field(128, ge=2, description="Rows a step.")
    learning_rate: float = Field(2e-3, gt=0, description="Highest step of AdamW.")
    corruption: float = Field(0.3, ge=0, lt=1, description="Share of the input hidden at training.")
    final_beta: float = Field(0.2, ge=0, description="Weight of the Kullback-Leibler term at the end.")
    annealing: float = Field(0.5, ge=0, le=1, description="Share of the steps over which that weight grows.")


class FusionConfig(Config):
    """The fusion recommender's shape."""

    fusion: Literal[InnerFusion, "late_weighted", "late_vote", "end_to_end"] = Field(
        "features", description="How modalities become one vector."
    )
    dim: int = Field(64, ge=8, description="Width of item and user vectors.")
    layers: int = Field(1, ge=1, description="Layers of the sequence encoder.")
    heads: int = Field(2, ge=1, description="Attention heads of the sequence encoder.")
    history: int = Field(
        50, ge=1, description="Things that a user did that are read at once, the latest ones."
    )
    queries: int = Field(8, ge=1, description="Queries of a user that are read, the latest ones.")
    without: tuple[str, ...] = Field(
        (),
        description="Modalities left out: text, image, specs, facts, identity of phones; behaviour, query_text, "
        "query_image, query_audio, profile of users.",
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of hidden numbers dropped in training.")
    input_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of encoders' numbers dropped in training."
    )
    identity_dropout: float = Field(
        0.3, ge=0, lt=1, description="Probability that a phone's identity is hidden in a training step."
    )
    modality_dropout: float = Field(
        0.05, ge=0, lt=1, description="Probability that another modality of a phone or a question is hidden."
    )
    inference_steps: int = Field(
        3,
        ge=0,
        description="Steps by which a user's vector is moved until it explains what the user chose; 0 leaves them out.",
    )
    evidence: int = Field(
        200,
        ge=1,
        description="Phones that a user chose, and that they were shown, which these steps look at, the latest ones.",
    )
    identity_start: Literal["random", "autoencoder", "variational"] = Field(
        "random",
        description="Where phones' identities begin: drawn at random, or the codes that an autoencoder of users' "
        "histories, or a variational one, gives each phone.",
    )
    identity_rows: RowsPretraining = RowsPretraining()
    end_to_end: EndToEndConfig = EndToEndConfig()

    @property
    def inner(self) -> str:
        """The fusion of vectors inside each tower."""
        return self.end_to_end.inner if self.is_end_to_end else self.fusion

    @property
    def is_end_to_end(self) -> bool:
        """Whether encoders learn together with the recommender."""
        return self.fusion == "end_to_end"


class MemberConfig(Config):
    """What every member of the family has."""

    half_life_days: float | None = Field(
        None, gt=0, description="Age at which an event counts half; none counts all events alike."
    )
    rank: int = Field(
        1024,
        ge=8,
        description="Catalogues of more phones than this are scored through factors of this width.",
    )


class PopularityConfig(MemberConfig):
    """Popularity by country with time decay."""

    half_life_days: float | None = Field(7.0, gt=0, description="Age at which an event counts half.")
    prior_events: float = Field(
        50.0, ge=0, description="Events of the whole shop's popularity mixed into each country's."
    )


class FreshnessConfig(MemberConfig):
    """How much phones of each age since release are liked."""

    prior_events: float = Field(20.0, ge=0, description="Events at the average rate mixed into each age.")


class UserNeighboursConfig(MemberConfig):
    """User-based nearest neighbours."""

    similarity: Literal["cosine", "pearson"] = Field("cosine", description="Likeness of two users.")
    neighbours: int = Field(200, ge=1, description="Most similar users whose preferences count.")
    shrinkage: float = Field(
        5.0, ge=0, description="Pearson: phones in common at which the correlation is halved."
    )
    pool: int = Field(
        50_000,
        ge=1,
        description="Users who may be neighbours; of more, this many are drawn, those of the night's seed.",
    )


class ItemNeighboursConfig(MemberConfig):
    """Item-based nearest neighbours."""

    weighting: Literal["cosine", "tf_idf", "bm25"] = Field("cosine", description="Weights before the cosine.")
    neighbours: int = Field(100, ge=1, description="Most similar phones that each phone keeps.")


class AlsConfig(MemberConfig):
    """Implicit alternating least squares."""

    dim: int = Field(32, ge=1, description="Width of the factors.")
    regularization: float = Field(1.0, ge=0, description="Penalty on the factors' squares.")
    alpha: float = Field(5.0, gt=0, description="Confidence added by one unit of preference.")
    iterations: int = Field(12, ge=1, description="Sweeps over users and phones.")


class BprConfig(MemberConfig):
    """Bayesian personalised ranking."""

    dim: int = Field(32, ge=1, description="Width of the factors.")
    learning_rate: float = Field(0.05, gt=0, description="Step of the stochastic gradient.")
    regularization: float = Field(0.01, ge=0, description="Penalty on the factors' squares.")
    iterations: int = Field(60, ge=1, description="Passes over the interactions.")


class EaseConfig(MemberConfig):
    """EASE^R."""

    regularization: float = Field(2.0, gt=0, description="Ridge, in means of the co-occurrence diagonal.")
    most_items: int = Field(
        12_000,
        ge=1,
        description="Where more phones were liked, the member is left out: it needs about 24 bytes times their square.",
    )


class GraphFilterConfig(MemberConfig):
    """The linear graph filter."""

    frequencies: int = Field(32, ge=1, description="Lowest graph frequencies that pass.")
    low_pass: float = Field(0.3, ge=0, description="Weight of the low-pass part.")
    neighbours: float = Field(1.0, ge=0, description="Weight of the neighbours' part.")
    degree: float = Field(
        0.5, ge=0, description="Power of users' and phones' degrees in the matrix whose frequencies pass."
    )
    between_degree: float = Field(
        1.0, ge=0, description="Neighbours' part: power of the degree of the users between two phones."
    )
    from_degree: float = Field(
        0.5, ge=0, description="Neighbours' part: power of the degree of the phone that was liked."
    )
    to_degree: float = Field(
        0.5, ge=0, description="Neighbours' part: power of the degree of the phone that is scored."
    )
    is_exact: bool = Field(
        False,
        description="Keep the filter itself beside its approximation of width `rank`: scores are exact then. "
        "About `12 * pairs + 8 * phones * frequencies` bytes.",
    )


class MultVaeConfig(MemberConfig):
    """The multinomial variational autoencoder."""

    hidden: int = Field(128, ge=1, description="Width of the hidden layers.")
    dim: int = Field(32, ge=1, description="Width of the latent vector.")
    epochs: int = Field(20, ge=1, description="Passes over the users.")
    batch: int = Field(256, ge=1, description="Users a step.")
    learning_rate: float = Field(2e-3, gt=0, description="Step of Adam.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Share of the history hidden at training.")
    anneal: float = Field(0.2, ge=0, le=1, description="Final weight of the Kullback-Leibler term.")


class ContentConfig(MemberConfig):
    """Likeness of phones' content to what the user did and asked."""

    half_life_days: float | None = Field(
        14.0, gt=0, description="Age at which an event or query counts half."
    )
    query_weight: float = Field(1.0, ge=0, description="Weight of a query beside one view.")
    modality_weights: dict[str, float] = Field(
        {"text": 1.0, "image": 1.0, "specs": 1.0}, description="Weight of each content modality."
    )
    code: CodeKind = Field(
        "autoencoder",
        description="What makes the learned code of a phone's whole content, beside its modalities.",
    )
    code_weight: float = Field(2.0, ge=0, description="Weight of that code.")
    rows: RowsPretraining = RowsPretraining(hidden=128, steps=200, batch=64)


class ConcatConfig(MemberConfig):
    """Feature combination: collaborative factors and content in one model."""

    dim: int = Field(32, ge=1, description="Width of the collaborative factors that are combined.")
    ridge: float = Field(10.0, gt=0, description="Penalty of the regression from content to factors.")
    half_life_days: float | None = Field(None, gt=0, description="Age at which an event counts half.")


class StackedConfig(Config):
    """The ranker of trees over the members' scores."""

    objective: Literal["lambdarank", "binary"] = Field(
        "lambdarank",
        description="What the trees learn: the order of a list (LambdaMART), or whether each is chosen.",
    )
    threads: int = Field(1, ge=1, description="CPU threads; they do not change the trees.")
    least_rows: int = Field(40, ge=1, description="Candidates in a leaf at least.")
    trees: int = Field(80, ge=1, description="Boosting rounds.")
    leaves: int = Field(15, ge=2, description="Leaves a tree.")
    learning_rate: float = Field(0.08, gt=0, description="Shrinkage of each tree.")
    candidates: int = Field(
        60, ge=1, description="Phones of each user that it ranks, proposed by the weighted hybrid."
    )
    most_users: int = Field(1500, ge=10, description="Validation users that it learns from.")


MEMBERS = Literal[
    "popularity", "freshness", "user_cosine", "user_pearson", "item_cosine", "item_tf_idf", "item_bm25",
    "als", "bpr", "ease", "graph_filter", "mult_vae", "content", "features_combined",
]  # fmt: skip
"""Members by the name they carry in configuration, evaluation and `source`."""

HYBRIDS = Literal["cascade_content_first", "cascade_behaviour_first", "stacked"]
"""Hybrids beside the weighted one, by name."""


class FamilyConfig(Config):
    """The collaborative, content and hybrid members that are fitted beside the fusion model."""

    members: tuple[MEMBERS, ...] = Field(
        get_args(MEMBERS), min_length=1, description="Members fitted and measured every night."
    )
    hybrids: tuple[HYBRIDS, ...] = Field(
        get_args(HYBRIDS),
        description="Hybrids measured every night beside the weighted one, which scores the lists.",
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
    features_combined: ConcatConfig = ConcatConfig()
    stacked: StackedConfig = StackedConfig()
    cascade_candidates: int = Field(100, ge=1, description="Phones that a cascade's first step proposes.")


class TrainingConfig(Config):
    """How the fusion model is trained."""

    device: str = Field("auto", description="`auto` takes a GPU where there is one, else the CPU.")
    threads: int = Field(
        2,
        ge=1,
        description="CPU threads; the last bits of a model depend on it, so it is set and not found out.",
    )
    most_beside: int = Field(
        2_000_000,
        ge=0,
        description="Interactions up to which the fusion models for selection and for serving are trained side by side on "
        "a CPU, in two processes with half of the threads each; with more (or one thread, or a GPU), one after the other.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Of matrix products; `auto` takes bfloat16 on GPUs that have it."
    )
    compile: bool = Field(False, description="Compile the loss with torch.compile; pays on long trainings.")
    epochs: int = Field(8, ge=1, description="Passes over the stories at most.")
    patience: int = Field(
        4, ge=1, description="Epochs without a better validation NDCG after which it stops."
    )
    batch: int = Field(128, ge=1, description="Passages of stories a step at most.")
    least_steps: int = Field(
        24,
        ge=1,
        description="Steps of an epoch at least: a small shop's batches are smaller, down to 8 passages.",
    )
    accumulation: int = Field(1, ge=1, description="Parts that a batch is computed in, to save memory.")
    learning_rate: float = Field(1.5e-3, gt=0, description="Highest step of AdamW.")
    identity_pace: float = Field(
        5.0,
        gt=0,
        description="How many times as long the steps of phones' identities are as those of the rest.",
    )
    warm_up: float = Field(0.05, ge=0, lt=1, description="Share of the steps over which the rate grows.")
    weight_decay: float = Field(0.1, ge=0, description="Of AdamW.")
    clip: float = Field(1.0, gt=0, description="Length to which gradients are cut.")
    half_life_days: float | None = Field(
        None, gt=0, description="Age at which a choice counts half; none counts all alike."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the target spread over all phones.")
    shown_weight: float = Field(
        0.5, ge=0, description="Weight of the second loss: what was opened among what was shown."
    )
    newcomer_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of a second answer of those who have asked something, as if they had done nothing yet.",
    )
    full_softmax: int = Field(
        20_000, ge=1, description="Phones up to which every choice is compared with all of them."
    )
    negatives: int = Field(2048, ge=1, description="Phones drawn a step in larger catalogues, by popularity.")
    checkpoint_steps: int = Field(500, ge=1, description="Steps between two checkpoints within an epoch.")
    warm_start: bool = Field(
        True, description="Start from last night's weights, where encoders and settings are the same."
    )
    warm_epochs: int = Field(2, ge=1, description="Passes at most when it starts from last night's weights.")
    tracking: str = Field(
        "var/mlflow.db",
        description="MLflow's SQLite file, relative to the folder of handpick.toml; empty tracks nothing.",
    )
    validation_users: int = Field(
        3000, ge=20, description="Users that early stopping looks at, a seeded sample where there are more."
    )
