"""One lint: read, run the rules, suppress, sort, report."""
