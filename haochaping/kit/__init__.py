"""What every room may use: clock, working days, ids, errors, keys, crypto, the embedded database. No table, no business word."""
