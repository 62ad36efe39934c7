"""Haochaping 好差评: every service can be rated, every bad rating is answered, the figures are honest."""
