"""What sixteen hash partitions cost a request: `python -m benchmarks.partitions`."""

from benchmarks.side_by_side import compare
from tests.support.databases import partition

if __name__ == "__main__":
    compare("One table, and sixteen partitions of it:", {}, {}, prepare=partition)
