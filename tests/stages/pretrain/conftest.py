"""The shop of the tests of `embed`, whose marts encoders are trained on."""

from tests.stages.embed.conftest import shop

__all__ = ["shop"]
