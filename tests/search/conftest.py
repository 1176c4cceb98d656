"""What holds for the tests of searches and schedulers."""

from collections.abc import Iterator
from typing import Any

import pytest
import ray


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where Ray is started; other tests may have done so before."""

    def refuse(*_arguments: Any, **_options: Any) -> None:
        pytest.fail("Ray was started")

    monkeypatch.setattr(ray, "init", refuse)
    was_started = ray.is_initialized()
    yield
    assert ray.is_initialized() == was_started
