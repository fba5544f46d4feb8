"""What tokens cost a request: `python -m benchmarks.costs.tokens`.

All requests have the same token, as those of one client in the minutes or hours for which it is valid.
"""

from benchmarks.harness.servers import OURS_WITH_JWT
from benchmarks.harness.side_by_side import compare

if __name__ == "__main__":
    compare("Without tokens, and with tokens of a shared secret:", {}, OURS_WITH_JWT.settings)
