"""Comes last: the HTML of every page that any test looked at."""

import checks


def test_every_page_that_was_looked_at_is_valid_HTML():
    checks.validate_all()
