"""What nginx does by itself, so that it can't be tested through the stack."""

import pytest

refused_by_nginx = pytest.mark.not_through_nginx("nginx answers 400 to %00, and 405 to TRACE, by itself")
never_passed_on = pytest.mark.not_through_nginx("nginx passes whole requests on, and drops all others by itself")
