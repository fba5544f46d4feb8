"""What row security costs a request: `python -m benchmarks.costs.row_security`."""

from benchmarks.harness.side_by_side import compare

if __name__ == "__main__":
    compare("Row security, off and on:", {"ROW_SECURITY": "false"}, {"ROW_SECURITY": "true"})
