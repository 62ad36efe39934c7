"""What the lake has still to do. Its figures live in files (see `lake.py`); PostgreSQL is the record."""

from __future__ import annotations

from django.db import models


class Stale(models.Model):
    """A file of the lake that PostgreSQL has overtaken: the services of a day, or the orders of a month (its first day)."""

    pk = models.CompositePrimaryKey("part", "day")
    part = models.CharField(max_length=8)  # services | orders
    day = models.DateField()
    since = models.DateTimeField()


from haochaping.analytics.appraisal.models import (  # noqa: E402, F401  Django looks here
    Appraisal,
    Correction,
    Entry,
    Objection,
    ObjectionStep,
    Score,
)
from haochaping.analytics.problems.models import (  # noqa: E402, F401  Django looks here
    CaseStep,
    ExcellentCase,
    Problem,
    ProblemMeasure,
    ProblemStep,
    ProblemUnit,
)
from haochaping.analytics.reports.models import Report, ReportFile, ReportPlan, ReportStep  # noqa: E402, F401  Django looks here
