"""Measurements: what is compared runs side by side in one run, and the results are ratios."""
