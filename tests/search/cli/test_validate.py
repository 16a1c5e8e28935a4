import json

ORDERS = "space.order=[distil-prune-quantize, prune-distil-quantize]"


def test_it_says_what_varies_and_what_that_means(cli_run, write_yaml, make_raw, workspace) -> None:
    path = write_yaml(make_raw())
    code, out, err = cli_run("validate", path, "-o", ORDERS)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:3] == [
        f"{path} is valid: sweep small, task digits",
        "  108 distinct recipes; 12 trials with random, the first the teacher itself",
        "  student.depth: 1, 2, 3 (depth of the student; none keeps the teacher)",
    ]
    assert "  order: distil-prune-quantize, prune-distil-quantize" in lines
    assert not workspace.root.exists()


def test_validate_says_what_is_ruled_out_too(cli_run, write_yaml, make_raw, workspace) -> None:
    _, out, _ = cli_run("validate", write_yaml(make_raw()), "-o", ORDERS)
    assert "without 18 recipes: prune → distil, distillation.alpha 0" in out
    _, out, _ = cli_run("validate", write_yaml(make_raw()), "-o", ORDERS, "--json")
    assert [rule["recipes"] for rule in json.loads(out)["rules"]] == [18]


def test_validate_says_what_would_run(cli_run, write_yaml, make_raw, workspace) -> None:
    code, out, err = cli_run("validate", write_yaml(make_raw(constraints={"accuracy": ">= 0.5"})))
    assert (code, err) == (0, "")
    assert "72 distinct recipes; 12 trials with random" in out  # 3 × 3 students, 4 prunings, 2 quantizations
    assert "keep accuracy >= 0.5" in out
    code, out, _ = cli_run("validate", write_yaml(make_raw()), "--json")
    assert json.loads(out)["recipes"] == 72
    assert json.loads(out)["axes"]["student.depth"] == [1, 2, 3]
    assert not workspace.root.exists()
