from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_bench import Bench


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(parallelism: int = 4, root: Path | None = None) -> Bench:
        made.append(Bench(root or tmp_path / f"state{len(made)}", parallelism))
        return made[-1]

    yield make
    for bench in made:
        bench.engine.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
