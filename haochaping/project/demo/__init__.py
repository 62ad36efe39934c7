"""The made-up province: everything `make demo` shows, sent through the real front door."""
