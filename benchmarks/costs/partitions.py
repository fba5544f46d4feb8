"""What sixteen hash partitions cost a request: `python -m benchmarks.costs.partitions`."""

from benchmarks.harness.database import Database
from benchmarks.harness.side_by_side import compare

if __name__ == "__main__":
    compare("One table, and sixteen partitions of it:", {}, {}, prepare=Database.partition)
