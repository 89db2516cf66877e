"""The shop of the tests of `embed`, whose vectors the datasets of these tests read."""

from tests.stages.embed.conftest import shop

__all__ = ["shop"]
