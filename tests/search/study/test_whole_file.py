import json

import pytest

from search.study.whole_file import write_json


def test_a_file_appears_whole_with_its_folder(tmp_path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"name": "é", "values": [1, 2]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "é", "values": [1, 2]}
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(TypeError):
        write_json(path, object())
    assert path.read_text(encoding="utf-8") == "1"
