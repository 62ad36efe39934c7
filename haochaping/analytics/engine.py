"""Where an Ibis expression runs over the lake's files: DuckDB in this process, or Spark (`HCP_ENGINE`, design §5)."""

from __future__ import annotations

import os
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import ibis
from django.conf import settings

from haochaping.analytics import lake
from haochaping.analytics.columns import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb


RENEWED = 500


@cache
def table(name: str) -> Any:
    """The Ibis table of a part of the lake, bound to no files yet."""
    return ibis.table(ibis.Schema.from_pyarrow(schema_of(name)), name=name)


def run(expression: Any, files: Mapping[str, Sequence[Path]]) -> list[dict[str, Any]]:
    """The rows of an expression over tables, each read from its Parquet files; at least one a table."""
    return _ENGINES[settings.ENGINE](expression, {name: [str(path) for path in files[name]] for name in files})


def _duckdb(expression: Any, files: dict[str, list[str]]) -> list[dict[str, Any]]:
    with _warm(
        os.getpid(), lake.read().version // RENEWED
    ).cursor() as connection:  # a cursor is a connection of its own: what is temporary is its own
        for name, paths in files.items():
            listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet([{listed}])")  # noqa: S608
        found = connection.execute(ibis.to_sql(expression, dialect="duckdb"))
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


@lru_cache(maxsize=1)
def _warm(process: int, epoch: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001
    """The DuckDB that this process asks: it remembers where in the files what lies, which never changes under a name.

    What was forked needs one of its own; and after RENEWED changes of the lake it is another, that forgets the files that went.
    """
    connection = lake.connect()
    connection.execute("SET parquet_metadata_cache = true")
    return connection


def _spark(expression: Any, files: dict[str, list[str]]) -> list[dict[str, Any]]:
    session = _session(settings.SPARK_MASTER)
    for name, paths in files.items():
        session.read.parquet(*paths).createOrReplaceTempView(name)
    return [row.asDict() for row in session.sql(ibis.to_sql(expression, dialect="pyspark")).collect()]


@cache
def _session(master: str) -> Any:
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.appName("haochaping")
        .master(master)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "8")
        .getOrCreate()
    )


_ENGINES = {"duckdb": _duckdb, "spark": _spark}
