import pytest

from search.templates import TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_written_is_told_with_the_next_step(cli_run, tmp_path, template: str) -> None:
    folder = tmp_path / "My Project"
    code, out, err = cli_run("init", template, folder)
    assert (code, err) == (0, "")
    told = {line.removeprefix("wrote ") for line in out.splitlines() if line.startswith("wrote ")}
    assert told == {str(path) for path in folder.iterdir()}
    assert out.splitlines()[-1] == f"change it, then: cd '{folder}' && paredown validate sweep.yaml"
    assert "sweep: my-project\n" in (folder / "sweep.yaml").read_text(encoding="utf-8")


def test_a_template_that_does_not_exist_is_told_with_those_that_do(cli_run, tmp_path) -> None:
    code, _, err = cli_run("init", "image", tmp_path)
    assert code == 2
    assert "TEMPLATE: 'image' is not known (did you mean 'images'?); legal: images, text, own" in err
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_left(cli_run, tmp_path) -> None:
    (tmp_path / "task.py").write_text("mine", encoding="utf-8")
    code, _, err = cli_run("init", "own", tmp_path)
    assert code == 2
    assert "task.py: is there already and is left as it is; name another folder" in err
    assert [path.name for path in tmp_path.iterdir()] == ["task.py"]


def test_a_folder_that_cannot_be_one_is_told(cli_run, tmp_path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    code, _, err = cli_run("init", "own", tmp_path / "file")
    assert (code, err) == (2, f"paredown: {tmp_path}/file: cannot be written: File exists; name another folder\n")
