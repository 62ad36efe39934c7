"""量化考核: monthly scores of units and clerks from ratings and rectification together, frozen at publication, open to appeal."""
