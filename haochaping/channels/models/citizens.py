"""Citizens who proved who they are, for half an hour at `/my`. They are no accounts: nothing else is kept of them."""

from __future__ import annotations

from django.db import models


class LoginCode(models.Model):
    """A code sent to a telephone, for the one browser that asked for it. The rows of a day bound how often one may ask."""

    browser = models.BinaryField(db_index=True)  # SM3 of the browser's cookie
    phone_index = models.BinaryField(db_index=True)
    blob = models.BinaryField(null=True)  # the number, sealed; gone once the code was used
    code = models.BinaryField()  # HMAC-SM3 of number and code
    sent_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    tries = models.SmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)


class CitizenSession(models.Model):
    """A citizen's visit to `/my`, found by the SM3 of its cookie; it ends by itself."""

    digest = models.BinaryField(primary_key=True)
    way = models.CharField(max_length=4)  # sms | oidc
    assurance = models.CharField(
        max_length=10
    )  # weak: a telephone; real_name: name and certificate from the identity service
    blob = models.BinaryField()  # name, cert, mobile as proved, sealed
    phone_index = models.BinaryField(null=True, db_index=True)
    id_index = models.BinaryField(null=True, db_index=True)
    begun_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
