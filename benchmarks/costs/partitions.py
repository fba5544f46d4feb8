"""What sixteen hash partitions cost a request: `python -m benchmarks.costs.partitions`."""

from benchmarks.harness.side_by_side import compare
from tests.service import partition

if __name__ == "__main__":
    compare("One table, and sixteen partitions of it:", {}, {}, prepare=partition)
