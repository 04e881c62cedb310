"""Contract suites: what leadd expects of each kind of plugin, as tests.

A plugin's author subclasses the suite of the kind in a test file and says how to make one::

    from leadd.testing.contracts import SourceContract

    class TestMyFeed(SourceContract):
        def make(self, ctx):
            return MyFeed(MyFeed.Config(url="https://example.org/feed"), ctx)

The tests need pytest and pytest-asyncio (any mode). `context` may be overridden to lend a scripted network.
"""

import pytest

pytest.register_assert_rewrite(
    "leadd.testing.contracts.component",
    "leadd.testing.contracts.cache",
    "leadd.testing.contracts.model",
    "leadd.testing.contracts.sink",
    "leadd.testing.contracts.source",
)

from leadd.testing.contracts.cache import CacheContract  # noqa: E402 - asserts must be rewritten before
from leadd.testing.contracts.component import ComponentContract  # noqa: E402
from leadd.testing.contracts.model import ModelContract  # noqa: E402
from leadd.testing.contracts.sink import SinkContract, sample_lead  # noqa: E402
from leadd.testing.contracts.source import SourceContract  # noqa: E402

__all__ = ["CacheContract", "ComponentContract", "ModelContract", "SinkContract", "SourceContract", "sample_lead"]
