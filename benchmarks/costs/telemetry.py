"""What the log and the metrics cost a request: `python -m benchmarks.costs.telemetry`."""

from benchmarks.harness.side_by_side import compare

if __name__ == "__main__":
    compare("The log and the metrics, off and on:", {"REQUEST_TELEMETRY": "false"}, {"REQUEST_TELEMETRY": "true"})
