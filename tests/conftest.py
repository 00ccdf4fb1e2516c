import numpy as np
import pytest
from hypothesis import settings

# The same examples on every machine and no time limit on one: what fails here fails everywhere.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("course")


@pytest.fixture
def rng():
    return np.random.default_rng(0)
