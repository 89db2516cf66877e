"""`[pretraining]`: how the shop's own encoders are trained, on the first night and every week."""

from pydantic import Field

from handpick.settings import Section
from models.pretraining.config import (
    AudioPretraining,
    ImagePretraining,
    RowsPretraining,
    TextPretraining,
)


class PretrainingSettings(Section):
    """Training of the shop's own encoders, a table for each kind of content."""

    # The keys of the tables are declared in `models/pretraining/config.py`.

    text: TextPretraining = TextPretraining()
    image: ImagePretraining = ImagePretraining()
    audio: AudioPretraining = AudioPretraining()
    rows: RowsPretraining = RowsPretraining()
    max_texts: int = Field(
        50_000, ge=1, description="Largest number of texts to train on; of more, a uniform sample."
    )
    max_images: int = Field(
        4000, ge=1, description="Largest number of images to train on; of more, a uniform sample."
    )
    window_days: int = Field(
        14,
        ge=1,
        description="Days before the logical date on whose events the benefit of each pretraining is "
        "measured.",
    )
