"""A report as a Word document in the layout of GB/T 9704 (公文), that an office can go on working with.

The type faces are named, not embedded: 方正小标宋简体, 仿宋_GB2312, 黑体 and 楷体_GB2312 stand on every official desk.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import docx as word_documents
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table as WordTable  # noqa: TC002

from haochaping.analytics.reports.paper import laid_out

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from docx.document import Document as WordDocument

    from haochaping.analytics.reports.document import Document

WIDTH = 156  # mm: the type area
SONG, FANGSONG, HEI, KAI = "方正小标宋简体", "仿宋_GB2312", "黑体", "楷体_GB2312"
LATIN = "Times New Roman"
RED = RGBColor(0xC8, 0x10, 0x2E)
HEADS = ((14, 30), (17, 26), (20, 22), (10_000, 18))  # characters of the red head, points
CENTER, RIGHT, LEFT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT, WD_ALIGN_PARAGRAPH.LEFT
# style: built on, type face, points, line, alignment, characters of first-line indent
STYLES: dict[str, tuple[str, int, int, WD_ALIGN_PARAGRAPH | None, int]] = {
    "Normal": (FANGSONG, 16, 28, None, 0),
    "Body Text": (FANGSONG, 16, 28, WD_ALIGN_PARAGRAPH.JUSTIFY, 2),
    "Title": (SONG, 22, 32, CENTER, 0),
    "Heading 1": (HEI, 16, 28, None, 2),
    "Heading 2": (KAI, 16, 28, None, 2),
    "Caption": (HEI, 12, 20, CENTER, 0),
    "报头": (SONG, 30, 42, CENTER, 0),
    "副题": (KAI, 16, 28, CENTER, 0),
    "编号行": (FANGSONG, 14, 24, None, 0),
    "编者按": (KAI, 14, 24, WD_ALIGN_PARAGRAPH.JUSTIFY, 2),
    "表格": (FANGSONG, 10, 15, None, 0),
    "表注": (FANGSONG, 10, 15, None, 0),
    "落款": (FANGSONG, 16, 28, RIGHT, 0),
    "附件": (HEI, 16, 28, None, 0),
}


def docx(document: Document, pictures: Sequence[bytes], *, at: datetime) -> bytes:
    """The report as a .docx; `pictures` are its charts as PNG, in order; `at` stands in its properties."""
    word = word_documents.Document()
    _styles(word)
    _page(word)
    told = word.core_properties
    told.title, told.author, told.subject, told.language = document.title, document.issuer, document.head, "zh-CN"
    told.created = told.modified = at.replace(tzinfo=None)
    _head(word, document)
    for number, section in laid_out(document):
        word.add_paragraph(f"{number}、{section['heading']}", "Heading 1")
        for block in section["blocks"]:
            _block(word, block, pictures)
    word.add_paragraph("", "Body Text")
    for line in (document.issuer, document.day):
        word.add_paragraph(line, "落款").paragraph_format.right_indent = Pt(32)
    _annex(word, document)
    out = io.BytesIO()
    word.save(out)
    return out.getvalue()


def _styles(word: WordDocument) -> None:
    for name, (face, size, line, align, indent) in STYLES.items():
        known = {style.name for style in word.styles}
        style: Any = word.styles[name] if name in known else word.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        if name != "Normal" and name not in known:
            style.base_style = word.styles["Normal"]
        style.font.size, style.font.bold, style.font.italic = Pt(size), False, False
        style.font.color.rgb = RED if name == "报头" else RGBColor(0, 0, 0)
        _faces(style.element.get_or_add_rPr(), face)
        shape = style.paragraph_format
        shape.line_spacing_rule, shape.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(line)
        shape.space_before = shape.space_after = Pt(0)
        shape.alignment = align
        shape.keep_with_next = name.startswith("Heading") or name == "Caption"
        if indent:
            _first_line(style.element.get_or_add_pPr(), indent, size)
    title = word.styles["Title"].element.get_or_add_pPr()
    for line_below in title.findall(qn("w:pBdr")):  # the template's own blue line
        title.remove(line_below)


def _faces(properties: Any, face: str) -> None:
    """A face for Chinese and one for Latin; a theme's would win over either, so it goes."""
    fonts = properties.get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name, value in (("ascii", LATIN), ("hAnsi", LATIN), ("cs", LATIN), ("eastAsia", face)):
        fonts.set(qn(f"w:{name}"), value)


def _first_line(properties: Any, characters: int, size: int) -> None:
    indent = properties.get_or_add_ind()
    indent.set(qn("w:firstLineChars"), str(characters * 100))
    indent.set(qn("w:firstLine"), str(characters * size * 20))


def _page(word: WordDocument) -> None:
    (section,) = word.sections
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    section.footer_distance = Mm(25)
    word.settings.odd_and_even_pages_header_footer = True
    for footer, align in ((section.footer, RIGHT), (section.even_page_footer, LEFT)):
        footer.is_linked_to_previous = False
        line = footer.paragraphs[0]
        line.style = word.styles["编号行"]
        line.alignment = align
        line.paragraph_format.left_indent = line.paragraph_format.right_indent = Pt(14)
        line.add_run("— ")
        _field(line, "PAGE")
        line.add_run(" —")


def _field(paragraph: Any, code: str) -> None:
    run = paragraph.add_run()
    for kind, text in (("begin", ""), ("", code), ("separate", ""), ("text", "1"), ("end", "")):
        if kind == "":
            element = OxmlElement("w:instrText")
            element.set(qn("xml:space"), "preserve")
            element.text = text
        elif kind == "text":
            element = OxmlElement("w:t")
            element.text = text
        else:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        run._r.append(element)  # noqa: SLF001  python-docx has no fields


def _head(word: WordDocument, document: Document) -> None:
    red = word.add_paragraph(document.head, "报头")
    red.runs[0].font.size = Pt(next(size for most, size in HEADS if len(document.head) <= most))
    line = word.add_paragraph(f"{document.number}\t{document.issuer}\t{document.day}", "编号行")
    stops = line.paragraph_format.tab_stops
    stops.add_tab_stop(Mm(WIDTH / 2), WD_TAB_ALIGNMENT.CENTER)
    stops.add_tab_stop(Mm(WIDTH), WD_TAB_ALIGNMENT.RIGHT)
    line.paragraph_format.space_after = Pt(18)
    _bottom_line(line)
    if own := document.own_title:
        title = word.add_paragraph(own, "Title" if own == document.title else "副题")
        title.paragraph_format.space_after = Pt(14)
    for n, words in enumerate(document.lead.splitlines()):
        word.add_paragraph(words if n else f"编者按：{words}", "编者按")


def _bottom_line(paragraph: Any) -> None:
    borders, bottom = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "16"), ("space", "4"), ("color", "C8102E")):
        bottom.set(qn(f"w:{name}"), value)
    borders.append(bottom)
    properties = paragraph._p.get_or_add_pPr()  # noqa: SLF001  python-docx has no borders
    properties.insert_element_before(borders, "w:shd", "w:tabs", "w:suppressAutoHyphens", "w:spacing", "w:ind", "w:jc")


def _block(word: WordDocument, block: dict[str, Any], pictures: Sequence[bytes]) -> None:
    if block["kind"] == "paragraph":
        word.add_paragraph(block["words"], "Body Text")
        return
    if block["kind"] == "heading":
        word.add_paragraph(f"（{block['number']}）{block['words']}", "Heading 2")
        return
    if (number := block.get("chart_number", 0)) and number <= len(pictures):
        caption = word.add_paragraph(f"图{number}　{block['chart_title']}", "Caption")
        caption.paragraph_format.space_before = Pt(6)
        place = word.add_paragraph(style="Normal")
        place.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE  # an exact line would cut the picture
        shown = place.add_run().add_picture(io.BytesIO(pictures[number - 1]), width=Mm(WIDTH))
        shown._inline.docPr.set("descr", f"{block['chart_title']}，数据见表{block['number']}")  # noqa: SLF001
    word.add_paragraph(f"表{block['number']}　{block['title']}", "Caption").paragraph_format.space_before = Pt(6)
    _table(word, block["head"], [[cell for _, cell in row] for row in block["rows"]], block["texts"])
    note = word.add_paragraph(f"注：{block['note']}" if block["note"] else "", "表注")
    note.paragraph_format.space_after = Pt(6)


def _table(word: WordDocument, head: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> None:
    table = cast("WordTable", word.add_table(rows=1 + len(rows), cols=len(head), style="Table Grid"))
    table.autofit = False
    widths = shares([head, *rows])
    for n, width in enumerate(widths):
        table.columns[n].width = Mm(width)
    for n, row in enumerate((head, *rows)):
        line = table.rows[n]
        _never_split(line, is_head=n == 0)
        for column, text in enumerate(row):
            cell = line.cells[column]
            cell.width = Mm(widths[column])
            words = cell.paragraphs[0]
            words.style = word.styles["表格"]
            run = words.add_run(text)
            if n == 0:
                words.alignment, run.font.bold = CENTER, True
                _shade(cell)
            elif column >= texts:
                words.alignment = RIGHT


def shares(rows: Sequence[Sequence[str]]) -> list[float]:
    """Millimetres for each column, by its longest text; a long one wraps sooner than that a number does."""
    longest = [max(_ems(row[n]) for row in rows) for n in range(len(rows[0]))]
    wanted = [min(most, 14.0) + 1.2 for most in longest]
    return [WIDTH * each / sum(wanted) for each in wanted]


def _ems(text: str) -> float:
    return sum(1.0 if char > "⁀" else 0.55 for char in text)


def _never_split(row: Any, *, is_head: bool) -> None:
    properties = row._tr.get_or_add_trPr()  # noqa: SLF001  python-docx knows neither
    for name in ("w:cantSplit", *(("w:tblHeader",) if is_head else ())):
        properties.append(OxmlElement(name))


def _shade(cell: Any) -> None:
    shade = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", "F2F2F2")):
        shade.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shade)  # noqa: SLF001


def _annex(word: WordDocument, document: Document) -> None:
    first = word.add_paragraph("附件", "附件")
    first.paragraph_format.page_break_before = True
    word.add_paragraph("指标口径", "Title").paragraph_format.space_after = Pt(10)
    rows = [[each.name, each.formula, each.day, each.clause] for each in document.definitions]
    _table(word, ("指标", "计算方法", "统计日", "依据"), rows, 4)
    for n, note in enumerate(document.notes, 1):
        line = word.add_paragraph(f"{n}．{note}", "表注")
        if n == 1:
            line.paragraph_format.space_before = Pt(10)
