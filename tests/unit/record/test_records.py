"""Records are whole or not there, private, and found again."""

import errno
import json
import os
import re
from dataclasses import replace

import pytest

from hera_experiment.errors import UserError
from hera_experiment.record.records import Files, RecordInUse, RecordNotWritten, Records
from hera_experiment.record.run_record import RunRecord, State, counterpart

RECORD = RunRecord(
    name="population-abcde",
    namespace="n",
    cluster="",
    server="https://argo/",
    submission="0123456789abcdef",
    state=State.UNSURE,
    created="2026-11-20T10:00:00Z",
    manifest={"metadata": {"name": "population-abcde"}, "spec": {"é": "'\n"}},
)


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path / ".hera" / "submissions")


def test_what_is_written_is_read(records):
    records.write(RECORD)
    assert records.read("population-abcde") == RECORD
    assert records.find(RECORD.submission) == RECORD
    assert records.all() == [RECORD]
    created = replace(RECORD, state=State.CREATED, uid="u")
    records.write(created)
    assert records.all() == [created]


def test_nothing_is_there_before_the_first(records):
    assert (records.all(), records.read("x"), records.find("x")) == ([], None, None)
    assert not records.folder.exists()
    records.remove("x")


def test_only_the_owner_reads_them_and_git_ignores_them(records):
    previous = os.umask(0)
    try:
        records.write(RECORD)
    finally:
        os.umask(previous)
    (path,) = records.folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert records.folder.stat().st_mode & 0o777 == 0o700
    assert (records.folder.parent / ".gitignore").read_text() == "*\n"


def test_the_newest_comes_first(records):
    moments = ("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z")
    for number, moment in enumerate(moments):
        records.write(replace(RECORD, name=f"r{number}", submission=f"{number}", created=moment))
    assert [each.name for each in records.all()] == ["r1", "r2", "r0"]


def test_of_one_second_the_last_one_written_is_the_newest(records):
    for number in range(3):
        records.write(replace(RECORD, name=f"r{number}", submission=f"{number}"))
        path = next(records.folder.glob(f"r{number}.*"))
        os.utime(path, ns=(0, 1000 * number))
    assert [each.name for each in records.all()] == ["r2", "r1", "r0"]


def test_a_name_that_is_used_again_keeps_both(records):
    again = replace(RECORD, submission="ffff", created="2026-11-21T10:00:00Z")
    records.write(RECORD)
    records.write(again)
    assert records.all() == [again, RECORD]
    assert records.read(RECORD.name) == again
    records.remove(RECORD.name, "ffff")
    assert records.all() == [RECORD]
    records.remove(RECORD.name)
    assert records.all() == []


def test_no_name_leads_out_of_the_folder(records):
    for number, name in enumerate(("../../x", "a/b", "", "x" * 300)):
        record = replace(RECORD, name=name, submission=f"{number}")
        records.write(record)
        assert records.read(name) == record
    assert len(list(records.folder.iterdir())) == 4


def test_what_is_no_record_is_told_of_once(tmp_path):
    said = []
    records = Records(tmp_path, say=said.append)
    records.write(RECORD)
    document = json.loads(RECORD.as_json())
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text("[]")
    (tmp_path / "c.json").write_text(json.dumps({**document, "state": "new"}))
    (tmp_path / "d.json").write_text(json.dumps({**document, "name": 5}))
    (tmp_path / "e.json").write_bytes(b"\xff")
    document.pop("server")
    (tmp_path / "f.json").write_text(json.dumps(document))
    (tmp_path / "notes").write_text("{")
    assert records.all() == records.all() == [RECORD]
    (sentence,) = said
    assert sentence.startswith("no record of a submission can be read in ")
    assert sentence.endswith("a.json, b.json, c.json, …")


def test_what_a_later_version_adds_is_left_out(records):
    assert RunRecord.from_json(json.dumps({**json.loads(RECORD.as_json()), "new": 1})) == RECORD


class Full(Files):
    """A disk that is full at one operation."""

    def __init__(self, at):
        setattr(self, at, self.refuse)

    def refuse(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "at", ["make_folder", "open_draft", "write", "sync", "replace", "sync_folder"]
)
def test_a_full_disk_keeps_what_was_known(records, at):
    full = Records(records.folder, Full(at))
    with pytest.raises(RecordNotWritten) as raised:
        full.write(RECORD)
    assert str(raised.value) == (
        "the record of population-abcde cannot be written: No space left on device "
        f"({records.folder}): make room there"
    )
    assert records.all() == []
    records.write(RECORD)
    if at == "make_folder":  # is there now
        return
    with pytest.raises(RecordNotWritten):
        full.write(replace(RECORD, state=State.CREATED))
    # The last step of all is too late to fail: the new record is true as well.
    state = State.CREATED if at == "sync_folder" else State.UNSURE
    assert [each.state for each in records.all()] == [state]
    assert len(list(records.folder.iterdir())) == 1


def test_a_folder_that_is_not_ours(tmp_path):
    (tmp_path / "submissions").write_text("a file")
    with pytest.raises(RecordNotWritten, match="run from a folder that is yours"):
        Records(tmp_path / "submissions").write(RECORD)
    with pytest.raises(UserError, match="cannot be read"):
        Records(tmp_path / "submissions").all()


def test_one_process_at_a_time(records):
    with records.held(RECORD):
        said = "another process is submitting population-abcde"
        with pytest.raises(RecordInUse, match=said), records.held(RECORD):
            pass
        with records.held(replace(RECORD, submission="another")):
            pass
        assert records.all() == []
    with records.held(RECORD):
        pass
    assert list(records.folder.iterdir()) == []


def test_a_lock_that_a_dead_process_left_holds_nobody(records):
    records.write(RECORD)
    path = next(records.folder.iterdir()).with_suffix(".lock")
    path.touch()
    with records.held(RECORD):
        assert path.exists()
    assert not path.exists()
    assert re.fullmatch(r"population-abcde\.[0-9a-f]{16}\.lock", path.name)


def test_of_several_workflows_of_a_script_each_has_its_counterpart(records):
    def made(letters, session):
        found = []
        for at, letter in enumerate(letters):
            name = {"generateName": f"{letter}-"}
            record = replace(
                RECORD,
                name=f"{letter}-{session}{at}",
                submission=f"{session}{at}",
                state=State.CREATED,
                created=f"2026-11-20T10:00:0{at}Z",
                session=session,
                manifest={"metadata": name},
            )
            records.write(record)
            found.append(record)
        return found

    one, other = made("aba", "s"), made("baa", "t")
    assert records.beside(one[1]) == one and records.beside(RECORD) == [RECORD]
    names = [counterpart(each, one, other).name for each in one]
    assert names == ["a-t1", "b-t0", "a-t2"]
    assert counterpart(one[0], [], other).name == "a-t1"
    assert counterpart(one[0], one, []) is None
    assert counterpart(replace(RECORD, manifest={}), [], other) == other[0]
