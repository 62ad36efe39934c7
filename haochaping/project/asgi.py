"""The one port: the devices' lane and the door for machines first, Django for everything else."""

from __future__ import annotations

import os
import warnings

# WhiteNoise streams files by a plain iterator: harmless where they are small and a proxy serves them in production.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")

import django  # noqa: E402  the settings must be named first

django.setup()

from django.core.handlers.asgi import ASGIHandler  # noqa: E402

from haochaping.channels.device.lane import DeviceLane  # noqa: E402
from haochaping.channels.door import Door  # noqa: E402
from haochaping.kit import crypto  # noqa: E402

crypto.self_test()
application = DeviceLane(Door(ASGIHandler()))
