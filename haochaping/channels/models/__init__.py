"""What the channels keep of their own, by noun."""

from __future__ import annotations

from haochaping.channels.models.links import Link

__all__ = ["Link"]
