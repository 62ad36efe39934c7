"""What follows from ratings and orders for people and units: admonition, talk, training, notice, commendation."""
