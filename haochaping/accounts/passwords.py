"""How passwords are kept."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with 64 MiB and one lane: a login flood must not take the memory of the machine (security §2.1)."""

    memory_cost = 64 * 1024
    parallelism = 1
