"""PDFs that were made by hand to be read with care: plain ones and hostile ones."""

from __future__ import annotations

import io


def pdf(
    pages: int = 1, *, catalog: str = "", more: tuple[bytes, ...] = (), trailer: str = "", words: str = "Evidence"
) -> bytes:
    """A PDF of so many A4 pages that say `words` and their number; further objects follow the pages'."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(pages))
    objects: list[bytes] = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n in range(pages):
        said = f"BT /F1 40 Tf 60 700 Td ({words} {n + 1}) Tj ET".encode()
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(said), said),
        ]
    objects += more
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for n, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (n, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


SCRIPT = b"app.alert('canary-script')"
HOSTILE = {
    "script": pdf(catalog="/OpenAction 6 0 R", more=(b"<< /S /JavaScript /JS (%s) >>" % SCRIPT,)),
    "launch": pdf(catalog="/OpenAction 6 0 R", more=(b"<< /S /Launch /F (canary-launch.exe) >>",)),
    "address": pdf(catalog="/OpenAction 6 0 R", more=(b"<< /S /URI /URI (http://canary.example/) >>",)),
    "embedded": pdf(
        catalog="/Names << /EmbeddedFiles << /Names [(canary.exe) 6 0 R] >> >>",
        more=(
            b"<< /Type /Filespec /F (canary.exe) /EF << /F 7 0 R >> >>",
            b"<< /Type /EmbeddedFile /Length 9 >>\nstream\nMZ-canary\nendstream",
        ),
    ),
}
LOCKED = pdf(
    trailer="/Encrypt 6 0 R /ID [<00> <00>]",
    more=(b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"11" * 32 + b"> /U <" + b"22" * 32 + b"> >>",),
)
EMPTY = pdf(0)
LONG = pdf(10_000)
CUT = pdf()[:120]
