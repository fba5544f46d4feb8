"""What a test of the contract holds a service to: words of the documentation, and the chapter where they stand."""

import pytest

promise = pytest.mark.promise
