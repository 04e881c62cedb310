"""leadd-redis: the cache component `redis`, which several machines share."""

from __future__ import annotations

from leadd.api import CacheBackend
from leadd_redis.address import Address
from leadd_redis.cache import RedisCache
from leadd_redis.settings import RedisConfig

__all__ = ["Address", "RedisCache", "RedisConfig", "leadd_caches"]


def leadd_caches() -> list[type[CacheBackend]]:
    return [RedisCache]
