"""Submissions are found and opened safely; what cannot be opened is refused with a reason."""

import json
import os
import random
import stat
import struct
import tarfile
import zipfile

import pytest

from coursekit.grading.intake import archive, zips
from coursekit.grading.intake.archive import Refused, Source, find_submissions, open_submission
from coursekit.learner import submission

KNN = "assignments/assignment1/knn.ipynb"
LAYERS = "cs231n/layers.py"
FILES = {
    name: name.encode() for name in submission.allowed("assignment1") if "*" not in name and name != submission.RECEIPT
}


def write_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo, bytes) pairs; names may repeat."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, zipfile.ZipFile(path, "w", compression) as file:
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)  # zipfile warns of repeated names
        for name, data in members:
            file.writestr(name, data)
    return path


def opened(path, assignment="assignment1"):
    return open_submission(Source("x", "x", path), assignment)


def opened_zip(tmp_path, members, **options):
    return opened(write_zip(tmp_path / "x.zip", members, **options))


def refusal(path):
    with pytest.raises(Refused) as error:
        opened(path)
    return str(error.value)


def zip_refusal(tmp_path, members):
    return refusal(write_zip(tmp_path / "x.zip", members))


def link_to(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


class TestHarmless:
    """Shapes in which honest submissions arrive: all files are read, with a remark about what was odd."""

    @pytest.mark.parametrize(
        "top", ["", "assignment1/", "My Course (2)/cs231n-main/", "./", "C:/Users/jane/", "/home/jane/"]
    )
    def test_any_top_folder(self, tmp_path, top):
        result = opened_zip(tmp_path, [(top + name, data) for name, data in FILES.items()])
        assert result.files == FILES and result.remarks == []

    def test_backslashes(self, tmp_path):
        """Some Windows programs write them; zipfile itself replaces them on Windows only."""
        result = opened_zip(tmp_path, [(name.replace("/", "\\"), data) for name, data in FILES.items()])
        assert result.files == FILES

    def test_folder(self, tmp_path):
        for name, data in FILES.items():
            (tmp_path / "jane" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "jane" / name).write_bytes(data)
        result = opened(tmp_path / "jane")
        assert result.files == FILES and result.remarks == []

    def test_flat(self, tmp_path):
        """All files in one folder, as where folders were lost; there is a remark about each."""
        members = [(name.rsplit("/")[-1], data) for name, data in FILES.items()]
        result = opened_zip(tmp_path, members)
        assert result.files == FILES and len(result.remarks) == len(FILES)

    @pytest.mark.parametrize(
        "name", ["knn (1).ipynb", "knn-Copy1.ipynb", "Copy of knn.ipynb", "KNN.ipynb", "knn-1.ipynb"]
    )
    def test_renamed_by_a_browser_or_editor(self, tmp_path, name):
        result = opened_zip(tmp_path, [(f"assignments/assignment1/{name}", b"k"), (LAYERS, b"l")])
        assert result.files == {KNN: b"k", LAYERS: b"l"}
        assert any(f"{name} was used as {KNN}" in remark for remark in result.remarks)

    def test_copy_beside_the_original(self, tmp_path):
        result = opened_zip(tmp_path, [("assignments/assignment1/knn-Copy1.ipynb", b"old"), (KNN, b"new")])
        assert result.files == {KNN: b"new"} and any("more than once" in remark for remark in result.remarks)

    def test_backup_in_another_folder(self, tmp_path):
        members = [(f"course/{name}", data) for name, data in FILES.items()]
        result = opened_zip(tmp_path, [("backup/cs231n/layers.py", b"old"), *members])
        assert result.files == FILES

    def test_files_that_systems_leave_behind(self, tmp_path):
        extra = ["__MACOSX/cs231n/._layers.py", ".DS_Store", "assignments/assignment1/.ipynb_checkpoints/knn.ipynb"]
        extra += [
            ".venv/lib/site-packages/keras/layers.py",
            "cs231n/__pycache__/layers.pyc",
            "assignment1_answers.html",
        ]
        result = opened_zip(tmp_path, [(name, b"x") for name in extra] + list(FILES.items()))
        assert result.files == FILES and result.remarks == []

    def test_same_file_twice(self, tmp_path):
        result = opened_zip(tmp_path, [(KNN, b"same"), (KNN, b"same")])
        assert result.files == {KNN: b"same"}

    def test_zip_in_a_zip(self, tmp_path):
        inner = write_zip(tmp_path / "inner.zip", FILES.items()).read_bytes()
        result = opened_zip(tmp_path, [("assignment1.zip", inner)])
        assert result.files == FILES and "assignment1.zip" in result.remarks[0]

    def test_zip_in_a_folder(self, tmp_path):
        """Moodle gives a folder for each learner."""
        write_zip(tmp_path / "Jane Doe_12_assignsubmission_file/work.zip", FILES.items())
        [source] = find_submissions(tmp_path)
        assert open_submission(source, "assignment1").files == FILES

    @pytest.mark.parametrize("loose", [KNN.rsplit("/")[-1], f"my work/{KNN.rsplit('/')[-1]}"])
    def test_loose_files_beside_a_zip(self, tmp_path, loose):
        """The zip counts; what it lacks is taken from beside it, what it has is named."""
        write_zip(tmp_path / "jane" / "work.zip", [(LAYERS, b"zip"), ("cs231n/optim.py", b"zip")])
        (tmp_path / "jane" / loose).parent.mkdir(exist_ok=True)
        (tmp_path / "jane" / loose).write_bytes(b"loose")
        (tmp_path / "jane" / "layers.py").write_bytes(b"loose")
        result = opened(tmp_path / "jane")
        assert result.files == {LAYERS: b"zip", "cs231n/optim.py": b"zip", KNN: b"loose"}
        assert any("layers.py in work.zip was used, not layers.py" in remark for remark in result.remarks)

    @pytest.mark.parametrize("others", [{"data.zip": b"no zip"}, {"a.zip": None, "b.zip": None}])
    def test_zips_of_something_else_beside_loose_files(self, tmp_path, others):
        """They cost nothing: neither one that cannot be opened nor several that hold the same."""
        data = write_zip(tmp_path / "x.zip", [(LAYERS, b"zip")]).read_bytes()
        loose = {"layers.py": b"loose", "knn.ipynb": b"loose"}
        (tmp_path / "jane").mkdir()
        for name, content in (loose | others).items():
            (tmp_path / "jane" / name).write_bytes(data if content is None else content)
        result = opened(tmp_path / "jane")
        assert result.files == {LAYERS: b"loose", KNN: b"loose"}
        assert all(any(name in remark for remark in result.remarks) for name in others)

    def test_an_old_zip_in_a_repository(self, tmp_path):
        """Where the course's own folders are, a zip among them is not the submission."""
        old = write_zip(tmp_path / "old.zip", [(LAYERS, b"old")]).read_bytes()
        result = opened_zip(tmp_path, [*FILES.items(), ("assignment1.zip", old), ("b.zip", old)])
        assert result.files == FILES and any("assignment1.zip" in remark for remark in result.remarks)

    def test_two_zips_that_belong_together(self, tmp_path):
        write_zip(tmp_path / "jane" / "a.zip", [(LAYERS, b"l")])
        write_zip(tmp_path / "jane" / "b.zip", [(KNN, b"k")])
        assert opened(tmp_path / "jane").files == {LAYERS: b"l", KNN: b"k"}

    def test_other_modules_are_ignored(self, tmp_path):
        result = opened_zip(
            tmp_path, [(LAYERS, b"l"), ("cs231n/solver.py", b"s"), ("conftest.py", b"c"), ("numpy.py", b"n")]
        )
        assert result.files == {LAYERS: b"l"}
        assert any("conftest.py" in remark and "numpy.py" in remark for remark in result.remarks)

    def test_missing_files_are_named(self, tmp_path):
        result = opened_zip(tmp_path, [(LAYERS, b"l")])
        [remark] = [remark for remark in result.remarks if remark.startswith("Missing")]
        assert KNN in remark and LAYERS not in remark

    def test_weights(self, tmp_path):
        result = opened_zip(
            tmp_path, [(LAYERS, b"l"), ("a/cs231n/saved/best.npz", b"w"), ("cs231n/saved/$x.npz", b"w")]
        )
        assert result.files["cs231n/saved/best.npz"] == b"w" and len(result.files) == 2
        many = [(f"cs231n/saved/{i:03}.npz", b"w") for i in range(archive.MOST_WEIGHTS + 5)]
        assert len(opened_zip(tmp_path, many).files) == archive.MOST_WEIGHTS

    def test_link_that_is_not_needed(self, tmp_path):
        result = opened_zip(tmp_path, [(link_to("data"), b"/etc"), *FILES.items()])
        assert result.files == FILES

    def test_digest_is_that_of_the_zip(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", FILES.items())
        assert opened(path).sha256 == submission.digest(path.read_bytes())


class TestOneFileIsIgnored:
    """A file that cannot be read costs its own points, not those of the others."""

    def test_too_large(self, tmp_path, monkeypatch):
        monkeypatch.setitem(submission.LARGEST, ".ipynb", 10)
        result = opened_zip(tmp_path, [(KNN, b"x" * 11), (LAYERS, b"l")])
        assert result.files == {LAYERS: b"l"} and any("knn.ipynb has more than" in remark for remark in result.remarks)

    def test_damaged(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", [(KNN, b"good content"), (LAYERS, b"l")], zipfile.ZIP_STORED)
        path.write_bytes(path.read_bytes().replace(b"good content", b"evil content"))
        result = opened(path)
        assert result.files == {LAYERS: b"l"} and any("damaged" in remark for remark in result.remarks)

    def test_a_remark_quotes_no_more_than_a_line(self, tmp_path):
        """The error of zipfile holds the name in the header, which is as long as the header says."""
        path = write_zip(tmp_path / "x.zip", [(LAYERS, b"l"), (KNN, bytes(20_000))], zipfile.ZIP_STORED)
        header = path.read_bytes().index(b"PK\x03\x04", 4)
        data = bytearray(path.read_bytes())
        data[header + 26 : header + 28] = struct.pack("<H", 9_000)  # the length of the name
        path.write_bytes(data)
        [remark] = [remark for remark in opened(path).remarks if "damaged" in remark]
        assert len(remark) < 400

    def test_unusual_compression(self, tmp_path):
        """A compression whose memory the sender chooses is not unpacked."""
        with zipfile.ZipFile(write_zip(tmp_path / "x.zip", [(LAYERS, b"l")]), "a", zipfile.ZIP_LZMA) as file:
            file.writestr(KNN, b"k")
        result = opened(tmp_path / "x.zip")
        assert result.files == {LAYERS: b"l"}
        assert any("knn.ipynb is compressed by a method that cannot be read here (LZMA)" in r for r in result.remarks)


class TestRefused:
    @pytest.mark.parametrize("name", ["../knn.ipynb", "a/../../etc/passwd", "..\\..\\x.py", "cs231n/../../layers.py"])
    def test_out_of_its_folder(self, tmp_path, name):
        assert "outside its folder" in zip_refusal(tmp_path, [(name, b"x"), *FILES.items()])

    def test_link(self, tmp_path):
        assert "is a link" in zip_refusal(tmp_path, [(link_to(LAYERS), b"/etc/passwd")])

    @pytest.mark.skipif(os.name == "nt", reason="links need rights there")
    def test_link_in_a_folder(self, tmp_path):
        (tmp_path / "jane/cs231n").mkdir(parents=True)
        (tmp_path / "jane/cs231n/layers.py").symlink_to("/etc/passwd")
        assert "is a link" in refusal(tmp_path / "jane")

    @pytest.mark.skipif(os.name == "nt", reason="there are no pipes in folders there")
    def test_pipe_in_a_folder(self, tmp_path):
        """Opening it would wait forever."""
        (tmp_path / "jane/cs231n").mkdir(parents=True)
        os.mkfifo(tmp_path / "jane/cs231n/layers.py")
        assert "is a link, not a file" in refusal(tmp_path / "jane")

    @pytest.mark.parametrize("second", [LAYERS, "cs231n//layers.py", "./cs231n/layers.py"])
    def test_same_name_with_another_content(self, tmp_path, second):
        assert "twice" in zip_refusal(tmp_path, [(LAYERS, b"one"), (second, b"two")])

    def test_same_name_in_another_form_of_unicode(self, tmp_path):
        members = [("Müller/cs231n/layers.py", b"one"), ("Mu\u0308ller/cs231n/layers.py", b"two")]
        assert "twice" in zip_refusal(tmp_path, members)

    def test_bomb(self, tmp_path):
        assert "bomb" in zip_refusal(tmp_path, [("cs231n/saved/a.npz", bytes(60_000_000))])

    def test_bomb_that_lies_about_its_size(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", [(KNN, bytes(30_000_000))])
        data = path.read_bytes().replace(struct.pack("<L", 30_000_000), struct.pack("<L", 100))
        path.write_bytes(data)
        with pytest.raises(Refused, match=r"None of its files can be read\. .*knn.ipynb is damaged"):
            opened(path)

    def test_bomb_nobody_unpacks(self, tmp_path):
        """A member that is not needed is never read, however large."""
        result = opened_zip(tmp_path, [("bomb.bin", bytes(30_000_000)), *FILES.items()])
        assert result.files == FILES

    def test_too_much_in_all(self, tmp_path, monkeypatch):
        monkeypatch.setattr(zips.Budget.__init__, "__defaults__", (100,))
        assert "unpacks to more than" in zip_refusal(tmp_path, [(KNN, b"x" * 60), (LAYERS, b"y" * 60)])

    def test_hundred_thousand_files(self, tmp_path):
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w") as file:
            for number in range(100_000):
                file.writestr(f"{number}", b"")
        assert "more than 50000 files" in refusal(path)

    def test_password(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", [(LAYERS, b"l")], zipfile.ZIP_STORED)
        data = bytearray(path.read_bytes())
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(signature) + offset] |= 1
        path.write_bytes(data)
        assert "password" in refusal(path)

    def test_name_in_an_unreadable_encoding(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", [("é/cs231n/layers.py", b"l")])
        path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
        assert "encoding" in refusal(path)

    def test_null_in_a_name(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", [("cs231n/layers.py_txt", b"l")])
        path.write_bytes(path.read_bytes().replace(b"py_txt", b"py\0txt"))
        assert "a name that no file can have" in refusal(path)

    def test_empty_name(self, tmp_path):
        """Python's zipfile itself fails on it."""
        path = write_zip(tmp_path / "x.zip", [(LAYERS, b"l"), ("empty", b"")])
        path.write_bytes(path.read_bytes().replace(b"empty", b"\0mpty"))
        [source] = find_submissions(tmp_path)
        with pytest.raises(Refused, match="a name that no file can have"):
            open_submission(source, "assignment1")

    def test_zip_in_a_zip_in_a_zip(self, tmp_path):
        data = write_zip(tmp_path / "a.zip", FILES.items()).read_bytes()
        data = write_zip(tmp_path / "b.zip", [("a.zip", data)]).read_bytes()
        assert "zip in a zip in a zip" in zip_refusal(tmp_path, [("b.zip", data)])

    @pytest.mark.parametrize("second", [[(LAYERS, b"other")], [("essay.txt", b"x")]])
    def test_two_zips_one_of_which_is_another_try(self, tmp_path, second):
        """Nobody knows which one was meant."""
        write_zip(tmp_path / "jane" / "a.zip", [(LAYERS, b"l")])
        write_zip(tmp_path / "jane" / "b.zip", second)
        assert "2 zips" in refusal(tmp_path / "jane")

    def test_nothing_of_the_assignment(self, tmp_path):
        assert "essay.docx" in zip_refusal(tmp_path, [("essay.docx", b"x")])

    def test_other_archives(self, tmp_path):
        with tarfile.open(tmp_path / "x.tar", "w") as file:
            file.addfile(tarfile.TarInfo("a"))
        assert "a tar archive" in refusal(tmp_path / "x.tar")
        for start, kind in (
            (b"Rar!\x1a\x07", "RAR"),
            (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"%PDF-1.7", "PDF"),
        ):
            (tmp_path / "x.zip").write_bytes(start + bytes(100))
            assert kind in refusal(tmp_path / "x.zip") and "a zip is expected" in refusal(tmp_path / "x.zip")

    @pytest.mark.parametrize(
        "data, message", [(b"", "empty"), (b"\0" * 50, "interrupted upload"), (b'{"cells": []}', "single file")]
    )
    def test_no_zip(self, tmp_path, data, message):
        (tmp_path / "x.zip").write_bytes(data)
        assert message in refusal(tmp_path / "x.zip")

    def test_interrupted_upload(self, tmp_path):
        path = write_zip(tmp_path / "x.zip", FILES.items())
        path.write_bytes(path.read_bytes()[:-30])
        assert "interrupted upload" in refusal(path)

    def test_too_large(self, tmp_path, monkeypatch):
        monkeypatch.setattr(zips, "LARGEST_ARCHIVE", 10)
        assert "included by mistake" in zip_refusal(tmp_path, FILES.items())

    def test_file_that_is_gone(self, tmp_path):
        """Nothing that a learner did."""
        with pytest.raises(OSError):
            opened(tmp_path / "none.zip")


class TestReceipt:
    def receipt(self, files):
        hashes = {name: submission.digest(data) for name, data in files.items()}
        return json.dumps({"files": hashes, "questions": {"affine_forward": "ok"}}).encode()

    def test_fits(self, tmp_path):
        result = opened_zip(tmp_path, [*FILES.items(), ("receipt.json", self.receipt(FILES))])
        assert result.receipt == {"verified": True, "problems": [], "questions": {"affine_forward": "ok"}}
        assert submission.RECEIPT not in result.files

    def test_file_changed_afterwards(self, tmp_path):
        members = {**FILES, LAYERS: b"changed", "receipt.json": self.receipt(FILES)}
        result = opened_zip(tmp_path, members.items())
        assert not result.receipt["verified"] and LAYERS in result.receipt["problems"][0]

    @pytest.mark.parametrize(
        "data", [b"", b"[]", b'{"files": []}', b'{"files": {}, "questions": {"a": 1}}', b"[" * 100_000]
    )
    def test_no_receipt(self, tmp_path, data):
        result = opened_zip(tmp_path, [*FILES.items(), ("receipt.json", data)])
        assert not result.receipt["verified"] and result.files == FILES


class TestFind:
    def ids(self, folder):
        return [source.id for source in find_submissions(folder)]

    def test_plain_zips_and_folders(self, tmp_path):
        write_zip(tmp_path / "jane.zip", FILES.items())
        (tmp_path / "joe").mkdir()
        (tmp_path / "grades.csv").write_text("no submission")
        (tmp_path / ".hidden.zip").write_text("neither")
        assert self.ids(tmp_path) == ["jane", "joe"]

    def test_what_is_not_a_zip_is_not_lost(self, tmp_path):
        """Each needs a record, so each is found, and refused when it is opened."""
        for name in ("a.rar", "b.tar.gz", "c.ipynb", "doejane_1_2_essay.pdf"):
            (tmp_path / name).write_bytes(b"x")
        assert len(find_submissions(tmp_path)) == 4
        assert all(refusal(source.path) for source in find_submissions(tmp_path))

    def test_ids_are_safe_and_unique(self, tmp_path):
        for name in (
            "Jane Doe.zip",
            "jane_doe.zip",
            "Jane_Doe.zip",
            "éva.zip",
            "张伟.zip",
            "x" * 150 + ".zip",
            "con.zip",
            "CON.zip",
        ):
            write_zip(tmp_path / name, [])
        ids = self.ids(tmp_path)
        assert len({name.casefold() for name in ids}) == 8 and "con" not in ids  # Windows has no file of that name
        assert all(len(name) <= 80 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in ids)

    def test_canvas(self, tmp_path):
        write_zip(tmp_path / "doejane_12_99_assignment1.zip", FILES.items())
        write_zip(tmp_path / "roejoe_LATE_34_100_assignment1-2.zip", FILES.items())
        jane, joe = find_submissions(tmp_path)
        assert (jane.id, jane.learner) == ("doejane_12", {"name": "doejane", "user": "12", "late": False})
        assert joe.learner["late"] and joe.id == "roejoe_34"

    def test_latest_counts(self, tmp_path):
        for number in (99, 100, 98):
            write_zip(tmp_path / f"doejane_12_{number}_assignment1.zip", FILES.items())
        [source] = find_submissions(tmp_path)
        assert source.path.name == "doejane_12_100_assignment1.zip" and len(source.remarks) == 2
        assert open_submission(source, "assignment1").remarks == []  # those of the source stay there

    @pytest.mark.parametrize(
        "names", [["doejane_12_99_a.zip"], ["doejane_12_99_a.zip", "roejoe_34_100_a.zip"], ["a.zip", "b.zip"]]
    )
    def test_one_zip_of_zips(self, tmp_path, names):
        inner = write_zip(tmp_path / "inner" / "x.zip", FILES.items()).read_bytes()
        write_zip(tmp_path / "class" / "submissions.zip", [(name, inner) for name in names])
        found = find_submissions(tmp_path / "class")
        assert [source.inside for source in found] == names
        assert all(open_submission(source, "assignment1").files == FILES for source in found)
        assert open_submission(found[0], "assignment1").sha256 == submission.digest(inner)

    def test_zip_of_zips_among_others_is_one_submission(self, tmp_path):
        """Otherwise a learner could submit for somebody else."""
        write_zip(tmp_path / "doejane_12_99_work.zip", FILES.items())
        inner = (tmp_path / "doejane_12_99_work.zip").read_bytes()
        write_zip(tmp_path / "roejoe_34_100_work.zip", [("doejane_12_999_work.zip", inner), ("b.zip", inner)])
        jane, joe = find_submissions(tmp_path)
        assert (jane.path.name, jane.inside) == ("doejane_12_99_work.zip", "")
        with pytest.raises(Refused, match="2 zips"):
            open_submission(joe, "assignment1")

    def test_metadata_that_a_learner_packed(self, tmp_path):
        """It does not make the class an export of Gradescope."""
        (tmp_path / "joe").mkdir()
        (tmp_path / "joe" / "submission_metadata.yml").write_text("submission_1: {}")
        write_zip(tmp_path / "jane.zip", FILES.items())
        assert self.ids(tmp_path) == ["jane", "joe"]

    def test_gradescope(self, tmp_path):
        export = tmp_path / "assignment_77_export"
        for number in (1, 2, 3):
            for name, data in FILES.items():
                path = export / f"submission_{number}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        (export / "submission_metadata.yml").write_text(
            "---\n"
            "submission_1:\n  :submitters:\n  - :name: Jane Doe\n    :sid: '007'\n    :email: jane@example.org\n"
            "  :created_at: !ruby/object:ActiveSupport::TimeWithZone\n    utc: 2026-01-01\n"
            "submission_2:\n  :submitters:\n  - :name: Joe Roe\n    :email: joe@example.org\n"
            "  - :name: Ann Poe\n    :email: ann@example.org\n"
        )
        found = find_submissions(tmp_path)
        assert [source.name for source in found] == ["Jane Doe", "Joe Roe, Ann Poe", "submission_3"]
        assert found[0].learner == {"name": "Jane Doe", "email": "jane@example.org", "user": "007"}
        assert open_submission(found[0], "assignment1").files == FILES

    @pytest.mark.parametrize("text", ["", "- [", "a: !!python/object/apply:os.system ['true']", "submission_1: 3"])
    def test_gradescope_without_names(self, tmp_path, text):
        (tmp_path / "submission_1").mkdir()
        (tmp_path / "submission_metadata.yml").write_text(text)
        assert self.ids(tmp_path) == ["submission_1"]

    def test_no_folder(self, tmp_path):
        with pytest.raises(ValueError, match="is not a folder"):
            find_submissions(tmp_path / "none")


def test_reader_writes_nothing(tmp_path, monkeypatch):
    """Opening a submission leaves the disk as it was."""
    path = write_zip(tmp_path / "in" / "x.zip", [*FILES.items(), ("evil.py", b"x")])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    opened(path)
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["here", "in", "x.zip"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_each_usual_method_of_compression_is_read(tmp_path, method):
    long = FILES | {KNN: random.Random(0).randbytes(1_000_000)}  # in several steps
    result = opened_zip(tmp_path, long.items(), compression=method)
    assert result.remarks == [] and result.files == long


def test_a_bomb_of_bzip2_is_refused(tmp_path):
    with pytest.raises(Refused, match="bomb"):
        opened_zip(tmp_path, [("cs231n/saved/a.npz", bytes(60_000_000))], compression=zipfile.ZIP_BZIP2)


@pytest.mark.parametrize("number, name", [(9, "deflate64"), (14, "LZMA"), (77, "number 77")])
def test_a_method_that_cannot_be_read_is_the_reason(tmp_path, number, name):
    """Refused as a whole: or every question would be "not gradable", as if its file were missing."""
    data = write_zip(tmp_path / "x.zip", [(LAYERS, b"x" * 100)]).read_bytes()
    for start, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(start) + place
        data = data[:at] + bytes([number, 0]) + data[at + 2 :]
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(Refused, match=rf"None of its files can be read. .*layers.py is .*\({name}\)"):
        opened(tmp_path / "x.zip")
