import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator at its beginning."""
    return np.random.default_rng(0)
