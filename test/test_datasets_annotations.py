"""Labels that people wrote: the formats and encodings that occur, and one sentence for everything else."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motion_seg_ros.datasets import annotations, elan
from motion_seg_ros.datasets.annotations import Span, find_sidecar, read_annotations
from motion_seg_ros.datasets.errors import DatasetError

S = 1_000_000_000
WAVE, SIT = Span(S // 2, 3 * S // 2, "wave"), Span(2 * S, 4 * S, "sit down")
ANYTHING = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def eaf(tiers: str, slots: str = "", header: str = "", root: str = "ANNOTATION_DOCUMENT") -> str:
    times = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="ts{i}" TIME_VALUE="{ms}"/>' for i, ms in enumerate((500, 1500, 2000, 4000))
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} FORMAT="3.0">\n'
        f'<HEADER TIME_UNITS="milliseconds">{header}</HEADER>\n'
        f"<TIME_ORDER>{times}{slots}</TIME_ORDER>\n{tiers}\n</{root}>\n"
    )


def aligned(number: int, first: str, second: str, text: str) -> str:
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="{first}" '
        f'TIME_SLOT_REF2="{second}">\n<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
        "</ANNOTATION>\n"
    )


def tier(name: str, *annotations: str, more: str = "") -> str:
    return f'<TIER LINGUISTIC_TYPE_REF="x" TIER_ID="{name}" {more}>\n{"".join(annotations)}</TIER>\n'


BOTH = aligned(1, "ts0", "ts1", "wave"), aligned(2, "ts2", "ts3", "sit\n down")

TABLES = {
    "with a header": "start,end,label\n0.5,1.5,wave\n2,4,sit down\n",
    "without a header, by tabs as Audacity writes it": "0.500000\t1.500000\twave\n2.0\t4.0\tsit down\n",
    "semicolons and decimal commas": "Start;End;Label\r\n0,5;1,5;wave\r\n2;4;sit down\r\n",
    "headless, semicolons and decimal commas": "0,5;1,5;wave\n2;4;sit down\n",
    "columns in another order": 'label, id, end, begin\n"wave",7,1.5,0.5\n"sit  down",8,4,2\n',
    "unordered, comments and empty lines": "# by Ann\n\nstart,end,label\n2,4,sit down\n\n#\n0.5,1.5,wave\n",
    "old line ends": "start,end,label\r0.5,1.5,wave\r2,4,sit down",
    "unlabelled spans": "start,end,label\n0,0.5,\n0.5,1.5,wave\n2,4,sit down\n",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables(tmp_path: Path, text: str, encoding: str) -> None:
    found = read_annotations(write(tmp_path, "a.csv", text.encode(encoding)))
    assert found.spans == (WAVE, SIT)
    assert not found.absolute
    assert found.stamped(100 * S)[1] == Span(102 * S, 104 * S, "sit down")


def test_stamps_and_tracks(tmp_path: Path) -> None:
    """An integer of nanoseconds today is more than a float holds."""
    now = 1_700_000_000_123_456_789
    rows = f"label,track_id,start_ns,end_ns\nwave,2,{now},{now + 1}\nsit,1,{now},{now + 9}\nrun,,0,5\n"
    spans = [{"start_ns": now, "end_ns": now + 1, "label": "wave", "track_id": 2}]
    spans += [{"start_ns": now, "end_ns": now + 9, "label": "sit", "track_id": "1"}]
    spans += [{"start_ns": 0, "end_ns": 5, "label": "run"}]
    for path in (write(tmp_path, "a.csv", rows), write(tmp_path, "a.json", json.dumps(spans))):
        found = read_annotations(path)
        assert found.absolute
        assert found.stamped(77) == found.spans
        assert found.spans == (
            Span(0, 5, "run"),
            Span(now, now + 9, "sit", "1"),
            Span(now, now + 1, "wave", "2"),
        )


@pytest.mark.parametrize("wrap", [lambda spans: spans, lambda spans: {"by": "Ann", "spans": spans}])
def test_json(tmp_path: Path, wrap) -> None:
    spans = [{"start": 2, "end": 4.0, "label": "sit down"}, {"start": 0.5, "end": 1.5, "label": "wave"}]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path = write(tmp_path, "a.json", json.dumps(wrap(spans)).encode(encoding))
        assert read_annotations(path).spans == (WAVE, SIT)


def test_elan(tmp_path: Path) -> None:
    found = read_annotations(write(tmp_path, "a.eaf", eaf(tier("action", *BOTH) + tier("empty"))))
    assert (found.spans, found.absolute) == ((WAVE, SIT), False)


def test_the_tier_of_several(tmp_path: Path) -> None:
    other = tier("hands", aligned(3, "ts0", "ts3", "both"))
    path = write(tmp_path, "a.eaf", eaf(other + tier("Labels", *BOTH)))
    assert read_annotations(path).spans == (WAVE, SIT)
    assert [span.label for span in read_annotations(path, "hands").spans] == ["both"]
    with pytest.raises(DatasetError, match="no annotations in a tier 'feet'; it has 'hands', 'Labels'"):
        read_annotations(path, "feet")
    with pytest.raises(DatasetError, match='several tiers, none of them called "labels": name one'):
        read_annotations(write(tmp_path, "b.eaf", eaf(other + tier("action", *BOTH))))
    with pytest.raises(DatasetError, match=r"a\.csv has no tiers"):
        read_annotations(write(tmp_path, "a.csv", "0,1,a"), "hands")


def test_a_tier_for_each_person(tmp_path: Path) -> None:
    people = tier("labels@1", aligned(1, "ts0", "ts1", "wave"))
    people += tier("labels@2", aligned(2, "ts0", "ts3", "sit"), more='PARTICIPANT="Ann"')
    found = read_annotations(write(tmp_path, "a.eaf", eaf(people)))
    assert [(span.label, span.track_id) for span in found.spans] == [("wave", "1"), ("sit", "Ann")]


def test_annotations_that_refer_to_others_take_their_times(tmp_path: Path) -> None:
    def reference(number: int, of: str, text: str) -> str:
        return (
            f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="r{number}" ANNOTATION_REF="{of}">'
            f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
        )

    parts = tier("phrase", *BOTH)
    labels = tier("labels", reference(1, "a1", "wave"), reference(2, "r3", "sit down"))
    labels += tier("between", reference(3, "a2", "x"))
    assert read_annotations(write(tmp_path, "a.eaf", eaf(parts + labels))).spans == (WAVE, SIT)
    shared = tier("labels", reference(1, "a1", "wave"), reference(2, "a1", "sit down"))
    with pytest.raises(DatasetError, match=r"line \d+: several annotations of 'labels' share the time"):
        read_annotations(write(tmp_path, "b.eaf", eaf(parts + shared)))
    for chain in (reference(1, "r1", "wave"), reference(1, "nobody", "wave")):
        with pytest.raises(DatasetError, match="refers to none that has times"):
            read_annotations(write(tmp_path, "c.eaf", eaf(tier("labels", chain))))


def test_the_offset_of_the_first_medium_counts(tmp_path: Path) -> None:
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" TIME_ORIGIN="{}"/><MEDIA_DESCRIPTOR TIME_ORIGIN="9"/>'
    found = read_annotations(write(tmp_path, "a.eaf", eaf(tier("t", *BOTH), header=media.format(250))))
    assert [span.start for span in found.spans] == [750_000_000, 2_250_000_000]
    with pytest.raises(DatasetError, match="500 ms before the recording"):
        read_annotations(write(tmp_path, "b.eaf", eaf(tier("t", *BOTH), header=media.format(-1000))))


BOMB = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
XXE = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
BROKEN = {
    "empty": ("a.csv", "", r"is empty$"),
    "only comments": ("a.csv", "# nothing\n\n", "begins with ''"),
    "only a header": ("a.csv", "start,end,label\n", "holds no spans"),
    "only unlabelled": ("a.csv", "0,1,\n", "holds no spans"),
    "prose": ("a.csv", "Dear all,\nthese, my, labels\n", "begins with 'Dear all,'"),
    "too few columns": ("a.csv", "start,end,label\n0,1,a\n2,3\n", "line 3: 2 columns; 3 are needed"),
    "nan": ("a.csv", "0,1,a\nnan,3,b\n", "line 2: 'nan' is not a time in seconds from 0 on"),
    "infinite": ("a.csv", "0,1,a\n2,inf,b\n", "line 2: 'inf' is not a time"),
    "negative": ("a.csv", "start,end,label\n-1,1,a\n", "line 2: '-1' is not a time"),
    "a word": ("a.csv", "0,1,a\n2,soon,b\n", "line 2: 'soon' is not a time"),
    "backwards": ("a.csv", "0,1,a\n\n3,2,b\n", "line 3: the span ends where it begins or before"),
    "instant": ("a.csv", "1,1,a\n", "line 1: the span ends"),
    "overlap": ("a.csv", "0,2,a\n4,5,b\n1.9,3,c\n", "line 3: the span overlaps the one of line 1"),
    "stamps as seconds": ("a.csv", "1700000000000000000,1700000001000000000,a\n", "are called start_ns"),
    "a fraction of a stamp": ("a.csv", "start_ns,end_ns,label\n0.5,1,a\n", "'0.5' is not a stamp"),
    "a stamp of another age": ("a.csv", "start_ns,end_ns,label\n1,9999999999999999999,a\n", "not a stamp"),
    "long label": ("a.csv", f"0,1,{'a' * 201}\n", "line 1: more than 200 characters"),
    "long cell": ("a.csv", f"0,1,a\n0,1,{'a' * 200_000}\n", "line 2: field larger"),
    "latin-1": ("a.csv", "0,1,Körper\n".encode("latin-1"), "neither UTF-8 nor UTF-16"),
    "utf-16 without a mark": ("a.csv", "0,1,a\n".encode("utf-16-le"), "zero bytes"),
    "half a character": ("a.csv", "0,1,a\n".encode("utf-16")[:-1], "neither UTF-8 nor UTF-16"),
    "no json": ("a.json", '[{"start": 0,\n "end"}]', "line 2: no JSON"),
    "deep json": ("a.json", "[" * 100_000, "no JSON"),
    "endless number": ("a.json", f'[{{"start": {"9" * 5000}}}]', "no JSON of labels"),
    "json of something else": ("a.json", '{"a": 1}', "holds no list of spans"),
    "a list of something else": ("a.json", "[1]", "span 1: an object with start, end, label is expected"),
    "two kinds of times": (
        "a.json",
        '[{"start_ns": 1, "end_ns": 2, "label": ""}, {"start": 1, "end": 2, "label": ""}]',
        "span 2: an object with start_ns, end_ns, label",
    ),
    "json's nan": ("a.json", '[{"start": NaN, "end": 1, "label": "a"}]', "span 1: 'nan' is not a time"),
    "json's true": ("a.json", '[{"start": 0, "end": true, "label": "a"}]', "span 1: 'True' is not a time"),
    "a text for a time": ("a.json", '[{"start": "0", "end": 1, "label": "a"}]', "is not a time"),
    "a number for a label": ("a.json", '[{"start": 0, "end": 1, "label": 3}]', "a label is a text"),
    "empty list": ("a.json", "[]", "holds no spans"),
    "no xml": ("a.eaf", "start,end", "line 1: no XML"),
    "cut xml": ("a.eaf", eaf(tier("t", *BOTH))[:-30], r"line \d+: no XML"),
    "other xml": ("a.eaf", eaf(tier("t", *BOTH), root="html"), "no file of ELAN"),
    "nothing annotated": ("a.eaf", eaf(tier("t")), "holds no annotations"),
    "a slot that is not there": ("a.eaf", eaf(tier("t", aligned(1, "ts0", "ts9", "a"))), "'ts9' has no time"),
    "a slot without a time": (
        "a.eaf",
        eaf(tier("t", aligned(1, "ts0", "u", "a")), slots='<TIME_SLOT TIME_SLOT_ID="u"/>'),
        "'u' has no time",
    ),
    "no milliseconds": (
        "a.eaf",
        eaf(tier("t", *BOTH), slots='<TIME_SLOT TIME_SLOT_ID="u" TIME_VALUE="1e3"/>'),
        "line 4: '1e3' are no milliseconds",
    ),
    "frames": ("a.eaf", eaf(tier("t", *BOTH)).replace("milliseconds", "PAL-frames"), "times in 'PAL-frames'"),
    "entities": ("a.eaf", BOMB + eaf("").partition("\n")[2], "line 1: a document type"),
    "other people's files": ("a.eaf", XXE + eaf("").partition("\n")[2], "line 1: a document type"),
    "an unknown encoding": ("a.eaf", eaf("").replace("UTF-8", "klingon"), "line 1: no XML"),
    "endless nesting": ("a.eaf", "<a>" * 100_000, "more elements than"),
    "another kind": ("a.txt", "0,1,a", "no kind of annotations"),
}


@pytest.mark.parametrize(("name", "content", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_wrong_is_one_sentence(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(DatasetError, match=sentence) as raised:
        read_annotations(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_large_and_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        read_annotations(tmp_path / "no.csv")
    monkeypatch.setattr(annotations, "MAX_BYTES", 1 << 20)
    with pytest.raises(DatasetError, match="more than 1 MiB"):
        read_annotations(write(tmp_path, "a.csv", "0,1,a\n" * 200_000))
    monkeypatch.setattr(elan, "MAX_ELEMENTS", 1000)
    with pytest.raises(DatasetError, match="more elements than"):
        read_annotations(write(tmp_path, "a.eaf", eaf("<TIER TIER_ID=''/>" * 2000)))


def test_many_references_do_not_take_for_ever(tmp_path: Path) -> None:
    links = "".join(
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="r{i}" ANNOTATION_REF="r{i + 1}"/></ANNOTATION>'
        for i in range(50_000)
    )
    path = write(tmp_path, "a.eaf", eaf(tier("t", links)))
    began = time.process_time()
    with pytest.raises(DatasetError, match="refers to none"):
        read_annotations(path)
    assert time.process_time() - began < 5


@ANYTHING
@given(
    suffix=st.sampled_from([".csv", ".json", ".eaf"]),
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode())),
)
def test_anything_gives_spans_or_one_sentence(tmp_path: Path, suffix: str, content: bytes) -> None:
    spans_or_sentence(write(tmp_path, f"a{suffix}", content))


WHOLE = {
    ".csv": TABLES["with a header"],
    ".json": '{"spans": [{"start": 2, "end": 4.0, "label": "sit", "track_id": "1"}]}',
    ".eaf": eaf(tier("t", *BOTH)),
}


@ANYTHING
@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 1), st.integers(0, 20), st.binary(max_size=20))
def test_any_damage_gives_spans_or_one_sentence(
    tmp_path: Path, suffix: str, at: float, cut: int, damage: bytes
) -> None:
    content = bytearray(WHOLE[suffix].encode())
    start = int(at * len(content))
    content[start : start + cut] = damage
    spans_or_sentence(write(tmp_path, f"a{suffix}", bytes(content)))


def spans_or_sentence(path: Path) -> None:
    sentence, spans = str(path), ()
    try:
        spans = read_annotations(path).spans
    except DatasetError as error:
        sentence = str(error)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert spans == tuple(sorted(spans, key=lambda span: (span.start, span.track_id)))
    assert all(0 <= span.start < span.end < 2**63 and span.label for span in spans)


times = st.integers(0, 10_000_000)


@ANYTHING
@given(
    st.lists(times, min_size=2, max_size=20, unique=True).map(sorted),
    st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9), min_size=10),
    st.sampled_from("\t;,"),
)
def test_what_csv_writes_is_read(tmp_path: Path, marks: list[int], labels: list[str], separator: str) -> None:
    """Spans of whole milliseconds survive, whatever their labels are."""
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    quoted = [label.replace('"', '""') for label in labels]
    rows = [
        f'{a / 1000}{separator}{b / 1000}{separator}"{q}"' for (a, b), q in zip(pairs, quoted, strict=False)
    ]
    path = write(tmp_path, "a.csv", "\n".join([separator.join(("start", "end", "label")), *rows]))
    spans = read_annotations(path).spans
    assert spans == tuple(
        Span(a * 1_000_000, b * 1_000_000, label) for (a, b), label in zip(pairs, labels, strict=False)
    )


def test_sidecars(tmp_path: Path) -> None:
    folder, file = tmp_path / "walk", tmp_path / "run.mcap"
    folder.mkdir()
    file.touch()
    (tmp_path / "walk.csv").touch()
    assert find_sidecar(folder) is None
    inside = write(folder, "labels.json", "[]")
    assert find_sidecar(folder) == inside
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert find_sidecar(".") == inside
    beside = write(tmp_path, "walk.labels.eaf", "")
    with pytest.raises(DatasetError, match=r"several files of labels: .*walk\.labels\.eaf, .*labels\.json"):
        find_sidecar(folder)
    inside.unlink()
    assert find_sidecar(folder) == beside
    assert find_sidecar(file) is None
    for name in ("run.labels.csv", "run.mcap.labels.csv"):
        sidecar = write(tmp_path, name, "")
        assert find_sidecar(file) == sidecar
        sidecar.unlink()
