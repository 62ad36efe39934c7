"""Tables as files: CSV, XLSX and NDJSON in, whatever their encoding; CSV, XLSX and Parquet out, safe to open in a spreadsheet."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import date, datetime
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zipfile import BadZipFile

from haochaping.kit.cells import guarded, unguarded
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

FORMATS_IN = (".csv", ".tsv", ".txt", ".xlsx", ".ndjson", ".jsonl")
FORMATS_OUT = (".csv", ".xlsx", ".parquet")
CELL_MOST = 1_000_000  # characters in one field
XLSX_ROWS = 1_000_000  # a sheet holds 1,048,576
BLOCK = 1 << 20
_NOT_IN_XLSX = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One record: where it begins in the file, its fields by column, and why it cannot be read if it cannot."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    fault: tuple[str, str] | None = None  # (code, Chinese sentence)


def _unreadable(path: Path, why: str) -> Refused:
    return Refused("file_unreadable", 422, f"文件 {path.name} 无法读取：{why}")


def format_of(path: Path) -> str:
    """The suffix that says how to read it, without a trailing `.gz`; Refused if we do not know it."""
    suffix = Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if suffix not in FORMATS_IN:
        raise _unreadable(path, f"不认识扩展名 {suffix or '（无）'}，可用 {'、'.join(FORMATS_IN)}（可加 .gz）")
    return suffix


def encoding_of(path: Path) -> str:
    """UTF-8 (with or without mark), UTF-16 with mark, else GB18030: the whole file is tried. Refused if it is none."""
    with _open(path) as file:
        marked = file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    failed = ""
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with _open(path) as file:
                while block := file.read(BLOCK):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            failed = str(error.reason)
        else:
            return encoding
    raise _unreadable(path, f"既不是 UTF-8 也不是 GB18030 编码（{failed}）")


def read(path: Path, at: Callable[[float], None] = lambda _: None) -> Generator[Row]:
    """Every record of the file in order. `at` hears now and then how much of it is read, from 0 to 1.

    A record that cannot be read comes with its fault and the next ones follow; Refused if the file as a whole cannot.
    """
    try:
        suffix = format_of(path)
        if suffix == ".xlsx":
            yield from _xlsx(path, at)
        elif suffix in {".ndjson", ".jsonl"}:
            yield from _ndjson(path, at)
        else:
            yield from _csv(path, at)
    except FileNotFoundError:
        raise _unreadable(path, "文件不存在") from None
    except (OSError, EOFError, zlib.error, BadZipFile) as error:
        raise _unreadable(path, f"文件损坏或没有权限（{error.__class__.__name__}）") from error


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _progress(path: Path, file: IO[bytes]) -> Callable[[], float]:
    raw: Any = getattr(file, "fileobj", None) or file  # of a gzip file, the file below it
    size = path.stat().st_size or 1
    return lambda: min(1.0, raw.tell() / size)


def _csv(path: Path, at: Callable[[float], None]) -> Iterator[Row]:
    encoding = encoding_of(path)
    csv.field_size_limit(CELL_MOST)
    with _open(path) as binary, TextIOWrapper(binary, encoding, newline="") as text:
        share = _progress(path, binary)
        first = text.readline()
        delimiter = max(",\t;", key=first.count)
        header = _header(path, next(csv.reader([first], delimiter=delimiter), []))
        reader = csv.reader(text, delimiter=delimiter)
        end = 1
        while True:
            line = end + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                end = 1 + reader.line_num
                yield Row(line, fault=("not_csv", f"字段超过 {CELL_MOST} 个字符，可能缺少右引号。"))
                continue
            end = 1 + reader.line_num
            if any(cells):
                yield _record(line, header, cells)
            if line % 500 == 0:
                at(share())


def _xlsx(path: Path, at: Callable[[float], None]) -> Iterator[Row]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, KeyError, ValueError) as error:
        raise _unreadable(path, "不是有效的 XLSX 文件") from error
    try:
        header: list[str] = []
        before = 0  # rows of the sheets already read
        for sheet in book.worksheets:
            rows = sheet.iter_rows(values_only=True)
            names = [_cell(value) for value in next(rows, ())]
            while names and not names[-1]:
                names.pop()
            if header and names != header:
                continue  # another table; a long export goes on with the same heads on its next sheet
            header = header or _header(path, names)
            line = 1
            for line, values in enumerate(rows, 2):
                cells = [_cell(value) for value in values]
                while len(cells) > len(header) and not cells[-1]:
                    cells.pop()
                if any(cells):
                    yield _record(before + line, header, cells + [""] * (len(header) - len(cells)))
                if line % 500 == 0:
                    at(min(1.0, line / (sheet.max_row or line)))
            before += line
    finally:
        book.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _ndjson(path: Path, at: Callable[[float], None]) -> Iterator[Row]:
    encoding = encoding_of(path)
    with _open(path) as binary, TextIOWrapper(binary, encoding) as text:
        share = _progress(path, binary)
        for line, content in enumerate(text, 1):
            if not content.strip():
                continue
            try:
                record = json.loads(content)
            except (ValueError, RecursionError):
                record = None
            if isinstance(record, dict):
                values = {str(name).strip(): _json_cell(value) for name, value in record.items()}
                yield Row(line, values, _unstorable(values.values()))
            else:
                yield Row(line, fault=("not_json", "这一行不是 JSON 对象。"))
            if line % 500 == 0:
                at(share())


def _json_cell(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else _cell(value)


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names or "" in names:
        raise _unreadable(path, "首行应为列名，现为空或有空列名")
    if twice := [name for name in names if names.count(name) > 1]:
        raise _unreadable(path, f"列名“{twice[0]}”出现多次")
    return names


def _record(line: int, header: list[str], cells: list[str]) -> Row:
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()
    if len(cells) != len(header):
        return Row(line, fault=("columns", f"应有 {len(header)} 列，现有 {len(cells)} 列。"))
    values = {name: unguarded(cell) for name, cell in zip(header, cells, strict=True)}
    return Row(line, values, _unstorable(cells))


def _unstorable(texts: Iterable[str]) -> tuple[str, str] | None:
    if any(_UNSTORABLE.search(text) for text in texts):
        return "not_text", "含有空字符或不成对的代理字符，无法保存，请去除。"
    return None


def write(out: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Write a CSV, XLSX or Parquet file by its ending, streamed; how many rows, counted again in the finished file.

    The file appears under its name only when it is whole. Refused for another ending; RuntimeError if the count is wrong.
    """
    suffix = out.suffix.lower()
    if suffix not in FORMATS_OUT:
        raise Refused("unknown_format", 422, f"不能写 {suffix or '无扩展名'} 文件，可用 {'、'.join(FORMATS_OUT)}。")
    draft = out.with_name(f".{out.stem}.part{suffix}")
    try:
        written = {".csv": _write_csv_file, ".xlsx": _write_xlsx, ".parquet": _write_parquet}[suffix](
            draft, header, rows
        )
        found = count(draft)
        if found != written:
            raise RuntimeError(f"{out.name} holds {found} rows, {written} were written")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return written


def count(path: Path) -> int:
    """How many rows a file of ours holds."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.ParquetFile(path).metadata.num_rows)
    return sum(1 for _ in read(path))


def write_csv(file: IO[str], header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    written = 0
    for row in rows:
        writer.writerow([guarded(text) for text in row])
        written += 1
    return written


def _write_csv_file(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark is how Excel knows UTF-8
        return write_csv(file, header, rows)


def _write_xlsx(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    written, stream = 0, iter(rows)
    while True:
        sheet = book.create_sheet()
        sheet.append(list(header))
        before = written
        for row in islice(stream, XLSX_ROWS):
            sheet.append([guarded(_NOT_IN_XLSX.sub("", text)) for text in row])
            written += 1
        if written - before < XLSX_ROWS:
            break
    book.save(path)
    return written


def _write_parquet(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet

    schema = pa.schema([(name, pa.string()) for name in header])
    written, stream = 0, iter(rows)
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(stream, 10_000)):
            columns = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            written += len(batch)
    return written
