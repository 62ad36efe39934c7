"""The kinds of records that come in and go out as files, each with its wire names in the order of the columns."""

from __future__ import annotations

WIRE: dict[str, tuple[str, ...]] = {
    "regions": ("areaCode", "areaName", "mergedInto", "mergedOn"),
    "organs": ("orgcode", "orgName", "shortName", "areaCode", "parentCode", "isActive"),
    "halls": ("hallCode", "hallName", "hallKind", "areaCode", "address", "isActive"),
    "windows": ("windowNo", "windowName", "hallCode", "orgcode", "windowKind", "isActive"),
    "clerks": ("clerkNo", "clerkName", "orgcode", "windowNo", "isActive"),
    "items": (
        "taskCode", "taskHandleItem", "taskName", "taskType", "orgcode", "areaCode", "subMatter", "isForEnterprises",
        "validFrom", "validTo", "otherCodes",
    ),
    "guides": (
        "taskCode", "taskHandleItem", "conditions", "materials", "steps", "promiseDay", "anticipateDay", "fees",
        "ratingChannels",
    ),
    "themes": ("themeCode", "themeName", "taskCodes"),
    "services": (
        "projectNo", "serviceNumber", "taskCode", "taskHandleItem", "taskName", "orgcode", "orgName", "areaCode",
        "projectName", "serviceName", "serviceTime", "proStatus", "windowNo", "clerkNo", "proChannel", "projectType",
        "promiseDay", "promiseType", "acceptDate", "resultDate", "userProp", "aspect", "point", "mode",
    ),
    "evaluations": (
        "projectNo", "serviceNumber", "satisfaction", "pf", "evalDetail", "writingEvaluation", "assessTime", "userProp",
        "consent", "deviceId",
    ),
}  # fmt: skip

# Taken in, but no column of ours when it goes out: names of organs beside their codes, and whatever names a person.
ALSO_IN: dict[str, tuple[str, ...]] = {
    "organs": ("deptCode",),
    "items": ("deptCode", "deptName", "orgName", "proTaskCode"),
    "services": ("deptCode", "deptName", "taskType", "proManagerNo", "userName", "creditType", "creditNum", "mobile"),
    "evaluations": ("name", "certKey", "mobile"),
}
TIMES = frozenset({"serviceTime", "acceptDate", "resultDate", "assessTime"})
DAYS = frozenset({"validFrom", "validTo", "mergedOn"})


def names(kind: str) -> frozenset[str]:
    """Every wire name that a file of this kind may carry."""
    return frozenset((*WIRE[kind], *ALSO_IN.get(kind, ())))
