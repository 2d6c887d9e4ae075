"""Files: what comes in is what goes out, whole, in parts, resumed, packed, in a form; whatever is wrong leaves nothing behind."""

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import time
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from sqlalchemy import delete

from app.jobs import index
from app.jobs.stores import Stores
from app.settings import Settings
from app.state.tables import files


def parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


LINES = b"".join(b'{"_id": "p%d", "text": "w001 w%03d"}\n' % (i, i % 300) for i in range(20_000))


@pytest.fixture(scope="module")
def client(client_of):
    return client_of(ready=False, max_file_bytes=2**22)


@pytest.fixture(scope="module")
def sent(client):
    answer = client.post("/v1/files?name=corpus.jsonl", content=LINES)
    assert answer.status_code == 201
    return answer.json()


def test_a_file_comes_back_as_it_was_sent(client, sent):
    digest = hashlib.sha256(LINES).hexdigest()
    assert (sent["sha256"], sent["bytes"], sent["name"], sent["media_type"]) == (digest, len(LINES), "corpus.jsonl", "application/x-ndjson")
    whole = client.get(f"/v1/files/{sent['id']}/content")
    assert whole.content == LINES
    assert whole.headers["etag"] == f'"{digest}"'
    assert whole.headers["content-disposition"].startswith("attachment;")
    head = client.head(f"/v1/files/{sent['id']}/content")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(LINES)))
    assert client.get(f"/v1/files/{sent['id']}").json() == sent
    assert sent in client.get("/v1/files").json()["files"]


def test_a_download_goes_on_where_it_broke(client, sent):
    """Twenty random places, with If-Range; the parts are the whole."""
    draw = random.Random(3)
    for _ in range(20):
        cut = draw.randrange(1, len(LINES))
        rest = client.get(f"/v1/files/{sent['id']}/content", headers={"Range": f"bytes={cut}-", "If-Range": f'"{sent["sha256"]}"'})
        assert (rest.status_code, rest.headers["content-range"]) == (206, f"bytes {cut}-{len(LINES) - 1}/{len(LINES)}")
        assert LINES[:cut] + rest.content == LINES


@pytest.mark.parametrize(
    ("headers", "status", "span"),
    [
        ({"Range": "bytes=0-0"}, 206, (0, 1)),
        ({"Range": "bytes=-5"}, 206, (-5, None)),
        ({"Range": "bytes=7-99999999999"}, 206, (7, None)),
        ({"Range": "bytes=5-2"}, 200, (0, None)),
        ({"Range": "bytes=-"}, 200, (0, None)),
        ({"Range": "lines=1-2"}, 200, (0, None)),
        ({"Range": "bytes=0-1,4-5"}, 200, (0, None)),
        ({"Range": "bytes=0-4", "If-Range": '"another"'}, 200, (0, None)),
        ({"Range": "bytes=²-"}, 200, (0, None)),
    ],
    ids=str,
)
def test_ranges(headers, status, span, client, sent):
    answer = client.get(f"/v1/files/{sent['id']}/content", headers={name: value.encode("latin-1") for name, value in headers.items()})
    assert (answer.status_code, answer.content) == (status, LINES[slice(*span)])


@pytest.mark.parametrize("wrong", [f"bytes={len(LINES)}-", "bytes=-0", "bytes=999999999999999999-"])
def test_a_range_beyond_is_416(wrong, client, sent):
    answer = client.get(f"/v1/files/{sent['id']}/content", headers={"Range": wrong})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(LINES)}")
    assert answer.json()["status"] == 416


def test_what_the_client_has_is_not_sent_again(client, sent):
    for tag in (f'"{sent["sha256"]}"', f'"x", W/"{sent["sha256"]}"', "*"):
        answer = client.get(f"/v1/files/{sent['id']}/content", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"]
    assert client.get(f"/v1/files/{sent['id']}/content", headers={"If-None-Match": '"x"'}).status_code == 200


FEW = [{"id": 7, "text": "w001 w002"}, {"id": 8, "text": "w003"}]
CSV = "id;text\n7;w001 w002\n8;w003\n"
ROWS = orjson.dumps(FEW)
KINDS = {
    "a list": (".json", ROWS),
    "a list in bzip2": (".json.bz2", bz2.compress(ROWS)),
    "a list in xz, two streams": (".json.xz", lzma.compress(ROWS[:9]) + lzma.compress(ROWS[9:])),
    "ndjson": (".ndjson", b"\n".join(map(orjson.dumps, FEW))),
    "semicolons": (".csv", CSV.encode()),
    "sep=": (".csv.gz", gzip.compress(f"sep=;\n{CSV}".encode())),
    "UTF-16": (".csv", CSV.encode("utf-16")),
    "tabs in zstd": (".tsv.zst", zstandard.ZstdCompressor().compress(CSV.replace(";", "\t").encode())),
    "MS MARCO without a header": (".tsv", CSV.partition("\n")[2].replace(";", "\t").encode()),
    "Parquet": (".parquet", parquet(FEW)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_command_line_reads_is_uploaded_and_read(kind, client, tmp_path, monkeypatch):
    """The same passages whatever the kind; whole numbers are ids, as in JSON lines."""
    suffix, content = KINDS[kind]
    answer = client.post(f"/v1/files?name=few{suffix}", content=content)
    assert answer.status_code == 201, answer.text
    files = client.app.state.services.files
    file = files.get(answer.json()["id"])
    monkeypatch.chdir(tmp_path)
    Path(f"1{file.suffix}").symlink_to(files.path(file))
    texts = index._read([f"1{file.suffix}"], {}, tmp_path / "dataset")
    assert [texts.column(name, [0, 1]) for name in ("id", "text")] == [["7", "8"], ["w001 w002", "w003"]]


PACKED = {
    "gzip": gzip.compress(LINES),
    "zstd": zstandard.ZstdCompressor().compress(LINES),
    "gzip, two members": gzip.compress(LINES[:1000]) + gzip.compress(LINES[1000:]),
    "zstd, two frames": zstandard.ZstdCompressor().compress(LINES[:1000]) + zstandard.ZstdCompressor().compress(LINES[1000:]),
}


@pytest.mark.parametrize("how", PACKED)
def test_packed_bodies_are_unpacked(how, client, sent):
    answer = client.post("/v1/files?name=x.jsonl", content=PACKED[how], headers={"Content-Encoding": how[:4]})
    assert answer.json()["sha256"] == sent["sha256"]


def form(name, content, more=b""):
    head = b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    head += b'--B\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\nContent-Type: text/csv\r\n\r\n'
    return head + content + b"\r\n" + more + b"--B--\r\n"


FORM = {"Content-Type": "multipart/form-data; boundary=B"}


@pytest.mark.parametrize("name", [b"corpus.jsonl", b"C:\\x\\corpus.jsonl", b"x\\corpus.jsonl", b"/home/ada/corpus.jsonl"])
def test_a_form_with_a_file(name, client, sent):
    """Some browsers send a whole path; the name is its end."""
    answer = client.post("/v1/files", content=form(name, LINES), headers=FORM)
    assert (answer.status_code, answer.json()["sha256"], answer.json()["name"]) == (201, sent["sha256"], "corpus.jsonl")


GZIP, ZSTD = {"Content-Encoding": "gzip"}, {"Content-Encoding": "zstd"}
TWICE = form(b"a.csv", b"x", b'--B\r\nContent-Disposition: form-data; name="f"; filename="b.csv"\r\n\r\ny\r\n')
WRONG = {
    "no type": ("", b"x", {}, 415),
    "unknown suffix": ("?name=a.pkl", b"x", {}, 415),
    "html": ("?name=a.html", b"x", {}, 415),
    "traversal": ("?name=../../a.jsonl", b"x", {}, 415),
    "NUL": ("?name=a%00.jsonl", b"x", {}, 415),
    "too large": ("?name=a.csv", b"x" * (2**22 + 1), {}, 413),
    "too large, packed": ("?name=a.csv", gzip.compress(random.Random(1).randbytes(2**22 + 1)), GZIP, 413),
    "bomb gzip": ("?name=a.csv", gzip.compress(b"0" * 2**24), GZIP, 413),
    "bomb zstd": ("?name=a.csv", zstandard.ZstdCompressor().compress(b"0" * 2**24), ZSTD, 413),
    "not gzip": ("?name=a.csv", b"plain", GZIP, 422),
    "not zstd": ("?name=a.csv", b"plain", ZSTD, 422),
    "cut gzip": ("?name=a.csv", PACKED["gzip"][:-20], GZIP, 422),
    "cut zstd": ("?name=a.csv", PACKED["zstd"][:-20], ZSTD, 422),
    "bomb in a gzip file": ("?name=a.csv.gz", gzip.compress(b"0" * 2**22), {}, 413),
    "bomb in a zstd file": ("?name=a.csv.zst", zstandard.ZstdCompressor().compress(b"0" * 2**22), {}, 413),
    "bomb in a bzip2 file": ("?name=a.csv.bz2", bz2.compress(b"0" * 2**22), {}, 413),
    "bomb in an xz file": ("?name=a.csv.xz", lzma.compress(b"0" * 2**22), {}, 413),
    "bomb in a form": ("", form(b"a.csv.xz", lzma.compress(b"0" * 2**22)), FORM, 413),
    "too large in an xz file": ("?name=a.csv.xz", lzma.compress(random.Random(1).randbytes(2**22 + 1)[::2] * 2), {}, 413),
    "bomb in a Parquet file": ("?name=a.parquet", parquet([{"text": "0" * 2**13}] * 2**9), {}, 413),
    "bomb in a Parquet file of a form": ("", form(b"a.parquet", parquet([{"text": "0" * 2**13}] * 2**9)), FORM, 413),
    "no Parquet": ("?name=a.parquet", b"plain", {}, 422),
    "cut Parquet": ("?name=a.parquet", parquet(FEW)[:-9], {}, 422),
    "no bzip2": ("?name=a.jsonl.bz2", b"plain", {}, 422),
    "no xz": ("?name=a.json.xz", b"plain", {}, 422),
    "no gzip": ("?name=a.json.gz", b"plain", {}, 422),
    "cut bzip2": ("?name=a.jsonl.bz2", bz2.compress(LINES)[:-20], {}, 422),
    "cut xz": ("?name=a.jsonl.xz", lzma.compress(LINES)[:-20], {}, 422),
    "archive": ("?name=a.zip", b"x", {}, 415),
    "unknown packing": ("?name=a.csv", b"x", {"Content-Encoding": "br"}, 415),
    "wrong digest": ("?name=a.csv", b"x", {"Repr-Digest": f"sha-256=:{base64.b64encode(b'0' * 32).decode()}:"}, 422),
    "no digest": ("?name=a.csv", b"x", {"Repr-Digest": "sha-256=:?:"}, 415),
    "form without boundary": ("", b"x", {"Content-Type": "multipart/form-data"}, 415),
    "form without file": ("", b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n', FORM, 422),
    "cut form": ("", form(b"a.csv", b"x")[:-9], FORM, 422),
    "no form": ("", b"x" * 100, FORM, 422),
    "two files": ("", TWICE, FORM, 422),
    "form with a wrong name": ("", form(b"a.exe", b"x"), FORM, 415),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_upload_leaves_nothing(case, client):
    query, body, headers, status = WRONG[case]
    answer = client.post(f"/v1/files{query}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    assert list(client.app.state.services.state.incoming.iterdir()) == []


def test_the_right_digest_passes(client):
    digest = base64.b64encode(hashlib.sha256(b"a,b\n").digest()).decode()
    headers = {"Content-Type": "text/csv", "Repr-Digest": f"md5=:eA==:, sha-256=:{digest}:"}
    assert client.post("/v1/files", content=b"a,b\n", headers=headers).status_code == 201


def test_the_same_content_is_kept_once_until_the_last_is_gone(client):
    first, second = (client.post("/v1/files?name=a.csv", content=b"same,same\n").json() for _ in range(2))
    path = client.app.state.services.state.blobs.path(first["sha256"])
    assert client.delete(f"/v1/files/{first['id']}").status_code == 204
    assert path.exists()
    assert client.delete(f"/v1/files/{second['id']}").status_code == 204
    assert not path.exists()
    for method in ("get", "delete"):
        assert getattr(client, method)(f"/v1/files/{second['id']}").status_code == 404


def test_an_empty_file_is_a_file(client):
    made = client.post("/v1/files?name=a.csv", content=b"").json()
    assert client.get(f"/v1/files/{made['id']}/content").content == b""
    assert client.get(f"/v1/files/{made['id']}/content", headers={"Range": "bytes=0-"}).status_code == 416


def test_no_room_is_507_and_the_service_lives(client_of, monkeypatch):
    client = client_of(ready=False, keep_free_bytes=2**60)
    assert client.post("/v1/files?name=a.csv", content=b"x").status_code == 507
    assert client.get("/v1/files").status_code == 200


@pytest.fixture
def stores(tmp_path):
    opened = Stores(Settings.of(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


def stored(stores, content):
    part = stores.files.begin()
    part.write(content)
    return stores.files.finish(part, "a.jsonl", ".jsonl")


def test_contents_that_nobody_names_go_when_they_are_old(stores):
    """A cut between bytes and row leaves a content without a name; one that has a name stays, however old, and so does a new one."""
    referenced, orphan, fresh = stored(stores, b"named"), stored(stores, b"orphan"), stored(stores, b"fresh")
    with stores.state.database.write() as connection:
        connection.execute(delete(files).where(files.c.id.in_([orphan.id, fresh.id])))
    for file in (referenced, orphan):
        os.utime(stores.files.path(file), (1, 1))
    assert stores.files.remove_unreferenced() == 1
    assert [stores.files.path(file).exists() for file in (referenced, orphan, fresh)] == [True, False, True]
    assert list(stores.state.incoming.iterdir()) == []


def test_a_content_that_is_adopted_is_new_again(stores, tmp_path):
    """Or it could be swept between its adoption and its row."""
    orphan = stored(stores, b"orphan")
    os.utime(stores.files.path(orphan), (1, 1))
    (tmp_path / "made").write_bytes(b"orphan")
    stores.state.blobs.link_file(tmp_path / "made", orphan.sha256)
    assert stores.state.blobs.older_than(time.time() - 60) == []


def test_a_file_whose_row_cannot_be_written_leaves_nothing(stores, monkeypatch):
    part = stores.files.begin()
    part.write(b"x")
    monkeypatch.setattr(stores.state.blobs, "move_file", lambda path, sha256: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stores.files.finish(part, "a.jsonl", ".jsonl")
    assert list(stores.state.incoming.iterdir()) == []
