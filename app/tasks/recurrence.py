"""Recurrence rules (RFC 5545, section 3.3.10): which ones a task may have."""

import re
from datetime import datetime
from functools import lru_cache

from dateutil.rrule import rrulestr

WORDS = {
    "daily": "FREQ=DAILY",
    "weekdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "weekly": "FREQ=WEEKLY",
    "monthly": "FREQ=MONTHLY",
    "yearly": "FREQ=YEARLY",
}
RULE_MAX = 500  # characters
INTERVAL_MAX = 99
PREFIX = "RRULE:"
WEEKDAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
# The parts that a rule may have, each once, and their grammar; dateutil reads some that RFC 5545 does not have.
PARTS = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": r"0?[1-9]|[1-9]\d",
    "BYDAY": rf"{WEEKDAY}(?:,{WEEKDAY})*|[+-]?0?[1-5]{WEEKDAY}(?:,[+-]?0?[1-5]{WEEKDAY})*",
    "BYMONTHDAY": r"[+-]?(?:0?[1-9]|[12]\d|3[01])(?:,[+-]?(?:0?[1-9]|[12]\d|3[01]))*",
    "BYMONTH": r"(?:0?[1-9]|1[0-2])(?:,(?:0?[1-9]|1[0-2]))*",
    "UNTIL": r"\d{8}(?:T\d{6}Z?)?",
}
NOTHING = r"(?!)"  # a pattern that matches no text
# Weekdays and leap years repeat after 28 years, and dateutil looks for dates up to the year 9999.
FIRST_DAY = datetime(9971, 1, 1)


@lru_cache(maxsize=1024)
def read_rule(text: str) -> str | None:
    """Return a rule in upper case and without the prefix, or None where it is none that a task may have."""
    rule = WORDS.get(text.lower(), text.upper().removeprefix(PREFIX))
    if len(rule) > RULE_MAX:
        return None
    parts = [part.partition("=")[::2] for part in rule.split(";")]
    named = dict(parts)
    is_well_formed = all(re.fullmatch(PARTS.get(name, NOTHING), value, re.ASCII) for name, value in parts)
    if len(named) != len(parts) or not is_well_formed:
        return None
    return rule if _is_allowed(named) and _comes_true(named) else None


def _is_allowed(parts: dict[str, str]) -> bool:
    """Tell whether the parts of the rule go together."""
    frequency = parts.get("FREQ")
    if frequency is None or (frequency == "WEEKLY" and "BYMONTHDAY" in parts):
        return False
    is_numbered = re.search(r"\d", parts.get("BYDAY", "")) is not None
    return not is_numbered or frequency == "MONTHLY" or (frequency == "YEARLY" and "BYMONTH" in parts)


def _comes_true(parts: dict[str, str]) -> bool:
    """Tell whether there is a date of the rule, whenever it begins; and whether UNTIL is a date at all."""
    until = parts.get("UNTIL", "").rstrip("Z")
    try:
        if until:
            datetime.strptime(until, "%Y%m%dT%H%M%S" if "T" in until else "%Y%m%d")
        every = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("INTERVAL", "UNTIL"))
        return next(iter(rrulestr(every, dtstart=FIRST_DAY)), None) is not None
    except (ValueError, OverflowError):
        return False
