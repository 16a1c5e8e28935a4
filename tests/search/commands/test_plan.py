import json

from search.commands.output import out

ORDERS = "space.order=[distil-prune-quantize, prune-distil-quantize]"


def test_it_says_how_large_the_space_is_what_is_ruled_out_and_what_is_shared(
    cli_run, write_yaml, make_raw, workspace
) -> None:
    code, out, err = cli_run("plan", write_yaml(make_raw()), "-o", ORDERS)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "sweep small: 108 distinct recipes, 12 trials"
    assert lines[1:4] == [
        "orders (18 recipes mean the same in each):",
        "distil-prune-quantize: 54 recipes",
        "prune-distil-quantize: 36 recipes",
    ]
    assert lines[4] == "ruled out: 18 more (one may be counted with several of these)"
    assert lines[5].startswith(
        "18 prune → distil, distillation.alpha 0, distillation.feature none, student.init random: the pruned"
    )
    assert "distil 108 27 12" in lines
    assert not workspace.root.exists()


def test_one_order_and_a_small_space(cli_run, write_yaml, make_raw, workspace) -> None:
    raw = make_raw(
        space={"student": {"depth": 1, "width": [0.5, 1.0], "init": "teacher"}, "distillation": {"alpha": 0}}
    )
    code, out, _ = cli_run("plan", write_yaml(raw), "-o", "search.trials=50")
    assert code == 0
    assert "order: distil-prune-quantize" in out
    assert "search.trials is 50, but 9 trials are all there are" in out
    assert "warning: space.student.width: no recipe has 0.5: it does not apply or is ruled out" in out


def test_reasons_are_printed_as_they_are(cli_run, write_yaml, make_raw, workspace, capsys) -> None:
    raw = make_raw(space={"pruning": {"method": ["none", "channel", "n:m"], "importance": ["l2", "bn-scale"]}})
    _, told, _ = cli_run("plan", write_yaml(raw))
    assert "pruning.method n:m, pruning.importance bn-scale or lamp: legal there: l2, l1, taylor, random" in told
    out().print("other than n:m: a colon before and after a letter is no picture")
    assert capsys.readouterr().out == "other than n:m: a colon before and after a letter is no picture\n"


def test_as_json(cli_run, write_yaml, make_raw, workspace) -> None:
    code, out, _ = cli_run("plan", write_yaml(make_raw()), "-o", ORDERS, "--json")
    data = json.loads(out)
    assert code == 0
    assert (data["sweep"], data["recipes"], data["excluded"], data["trials"]) == ("small", 108, 18, 12)
    assert [stage["stage"] for stage in data["stages"]] == ["teacher", "distil", "prune", "export", "quantize", "pack"]


def test_wrong_input_is_told(cli_run, write_yaml, make_raw, workspace) -> None:
    code, out, err = cli_run("plan", write_yaml(make_raw()), "-o", "space.order=[quantize-prune-distil]")
    assert (code, out) == (2, "")
    assert "space.order: 'quantize-prune-distil' cannot be: prune needs a network, and quantize before it" in err


def test_validate_says_what_is_ruled_out_too(cli_run, write_yaml, make_raw, workspace) -> None:
    _, out, _ = cli_run("validate", write_yaml(make_raw()), "-o", ORDERS)
    assert "without 18 recipes: prune → distil, distillation.alpha 0" in out
    _, out, _ = cli_run("validate", write_yaml(make_raw()), "-o", ORDERS, "--json")
    assert [rule["recipes"] for rule in json.loads(out)["rules"]] == [18]
