import os
import stat
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from search.reports.own_file import FORMATS, HEADS, file_problems, problem, write
from search.reports.picture import save
from search.reports.report import table, write_csv
from search.reports.sensitivity_report import frame
from spaces import InputError


def figure() -> Figure:
    drawn = Figure()
    drawn.add_subplot()
    return drawn


@pytest.mark.parametrize("ending", FORMATS)
def test_a_picture_takes_an_earlier_ones_place_and_nobody_elses(tmp_path, ending) -> None:
    path = tmp_path / f"front{ending}"
    save(figure(), path)
    assert problem(path) == ""
    save(figure(), path)
    figure().savefig(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=rf"front{ending} exists and is not of Paredown's making; remove it, or name"):
        save(figure(), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_every_table_is_known_again(tmp_path, make_trial, analysed) -> None:
    trials = [make_trial(0, (0.9, 4.0, 2.0))]
    path = tmp_path / "table.csv"
    for rows in (table(trials), frame(analysed), table([])):
        write_csv(rows, path)
        assert problem(path) == ""


@pytest.mark.parametrize("content", ["name,grade\nme,1\n", "Paredown is good\n", "x"])
def test_anothers_file_stays(tmp_path, content) -> None:
    path = tmp_path / "grades.csv"
    path.write_text(content, encoding="utf-8")
    assert [str(each) for each in file_problems(csv=path)] == [
        f"--csv: {path} exists and is not of Paredown's making; remove it, or name another file"
    ]
    with pytest.raises(InputError, match="not of Paredown's making"):
        write(path, HEADS[0])
    assert path.read_text(encoding="utf-8") == content


def test_an_empty_file_is_written(tmp_path) -> None:
    (tmp_path / "made.csv").touch()
    write(tmp_path / "made.csv", b"trial,label,\n")
    assert (tmp_path / "made.csv").read_bytes() == b"trial,label,\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("folder", "folder is a folder; name a file"),
        ("absent/a.csv", "folder .*absent does not exist"),
        ("absent/../a/b.csv", "folder .*absent/../a does not exist"),
        ("/proc/a.csv", "/proc/a.csv cannot be written: No such file or directory; name another place"),
        (f"{'x' * 300}.csv", "cannot be written: File name too long; name another place"),
        ("loop", "loop cannot be written: its symbolic links lead to each other; name another place"),
    ],
    ids=["folder", "absent", "absent, and back", "no real file system", "long", "loop"],
)
def test_what_cannot_be_written_is_told_beforehand(tmp_path, name, told) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (found,) = file_problems(csv=tmp_path / name)
    with pytest.raises(InputError, match=told):
        raise InputError([found])


@pytest.mark.parametrize(
    ("name", "told"), [("a", "has no ending"), ("a.jpg", ".jpg is no format of pictures here; legal: .png, .svg, .pdf")]
)
def test_a_picture_needs_a_format_that_carries_a_mark(tmp_path, name, told) -> None:
    (found,) = file_problems(plot=tmp_path / name)
    assert found.where == "--plot"
    assert told in found.message


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path) -> None:
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", b"trial,label,\n")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"trial,label,\n"
    (tmp_path / "real.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="not of Paredown's making"):
        write(tmp_path / "link.csv", b"trial,label,\n")


def test_a_pipe_is_written_into(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", b"trial,label,\n")
    assert os.read(reader, 100) == b"trial,label,\n"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_devices_stay_devices() -> None:
    write(Path("/dev/null"), b"trial,label,\n")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
