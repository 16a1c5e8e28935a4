from pathlib import Path

import pytest

from pipelines.tasks.files import task_files


class Named:
    def __init__(self, **files) -> None:
        self._files = files

    def files(self):
        return self._files


def test_files_are_read_whatever_says_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(b"cat")
    task = Named(text="words", raw=b"\0", labels=tmp_path / "labels")
    assert task_files(task) == {"text": b"words", "raw": b"\0", "labels": b"cat"}
    assert task_files(object()) == {}


@pytest.mark.parametrize("name", ["../up", "a/b", "run.py", ".hidden"])
def test_names_that_would_leave_the_folder_or_hide_another_file_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="which is no name of a file, or that of one of the export's own"):
        task_files(Named(**{name: ""}), ["run.py"])
