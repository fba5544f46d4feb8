"""A straight line through measured times."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Fit:
    """A straight line through the times of lists, in µs."""

    fixed: float
    each: float  # for each task
    r_squared: float
    worst: float  # the largest relative distance of a time from the line

    def predict(self, tasks: float) -> float:
        """Return the time of a list of that many tasks, in µs."""
        return self.fixed + self.each * tasks


def fit_line(times: dict[int, float]) -> Fit:
    """Return the line with the smallest relative errors: with absolute errors, only the longest list would count."""
    weights = [1 / time**2 for time in times.values()]
    total = sum(weights)
    mean_x = sum(weight * x for weight, x in zip(weights, times, strict=True)) / total
    mean_y = sum(weight * y for weight, y in zip(weights, times.values(), strict=True)) / total
    points = list(zip(weights, times.items(), strict=True))
    each = sum(weight * (x - mean_x) * (y - mean_y) for weight, (x, y) in points) / sum(
        weight * (x - mean_x) ** 2 for weight, (x, _) in points
    )
    fixed = mean_y - each * mean_x
    mean = statistics.fmean(times.values())
    off = {x: y - fixed - each * x for x, y in times.items()}
    return Fit(
        fixed=fixed,
        each=each,
        r_squared=1 - sum(value**2 for value in off.values()) / sum((y - mean) ** 2 for y in times.values()),
        worst=max(abs(off[x]) / y for x, y in times.items()),
    )
