"""`[pretraining]`: how the encoders that are trained here learn, on the first night and every week."""

from pydantic import Field

from handpick.settings import Section
from models.pretraining.config import (
    AudioPretraining,
    ImagePretraining,
    RowsPretraining,
    TextPretraining,
)


class PretrainingSettings(Section):
    """One table for each kind of content; `models/pretraining/config.py` declares their keys."""

    text: TextPretraining = TextPretraining()
    image: ImagePretraining = ImagePretraining()
    audio: AudioPretraining = AudioPretraining()
    rows: RowsPretraining = RowsPretraining()
    most_texts: int = Field(50_000, ge=1, description="Texts learned from, drawn evenly when there are more.")
    most_pictures: int = Field(
        4000, ge=1, description="Pictures learned from, drawn evenly when there are more."
    )
    window_days: int = Field(
        14, ge=1, description="Days before the logical date whose events judge what pretraining is worth."
    )
