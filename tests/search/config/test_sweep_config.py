import datetime
import sys
from pathlib import Path

import pytest
import yaml

from pipelines import FORMATS, RUNTIMES, Store, extra
from search.config.objective import Constraint, Objective
from search.config.sections import StoreSection, TaskSection, TrackingSection
from search.config.sweep_config import load_config, parse_config, read_config
from search.study.saved import sweep_evaluator
from search.study.workspace import Workspace
from spaces import InputError


def problems_of(call) -> dict[str, str]:
    with pytest.raises(InputError) as told:
        call()
    return {problem.where: problem.message for problem in told.value.problems}


def test_what_is_left_out_has_its_default(make_raw) -> None:
    raw = make_raw()
    for section in ("objectives", "search"):
        del raw[section]
    config = parse_config(raw)
    assert config.objectives == (
        Objective("accuracy", "maximize"),
        Objective("latency_ms", "minimize"),
        Objective("size_mb", "minimize"),
    )
    assert config.constraints == ()
    assert (config.search.sampler, config.search.trials, config.search.seed) == ("tpe", 40, 0)
    assert config.cluster.address == "local"
    assert config.experiment == "small"
    assert parse_config(make_raw(tracking={"experiment": "other"})).experiment == "other"


def test_a_name_leaves_room_for_the_folders_that_are_named_by_it(make_raw) -> None:
    assert parse_config(make_raw(sweep="a" * 200)).sweep == "a" * 200
    with pytest.raises(InputError, match=r"sweep: aaaaaaaaaaaaaaaaaaaa… has 201 letters; at most 200, as folders are"):
        parse_config(make_raw(sweep="a" * 201))


def test_every_problem_is_told_at_once_with_place_value_and_what_is_legal(make_raw) -> None:
    raw = make_raw(
        sweep="a/b",
        task={"args": 3},
        space={"student": {"depht": [1]}, "prunning": {}, "quantization": {"scheme": ["int9"]}},
        objectives={"acuracy": "maximize", "size_mb": "minimise"},
        constraints={"latency": "<= 3", "accuracy": 0.9},
        training={"student_epochs": -1, "learning_rate": 0, "teacher_epochs": 1.5, "schedule": "cosin"},
        target={"runtime": "onnxrt", "device": "tpu", "threads": "two"},
        search={"sampler": "tpee", "trails": 7, "trials": 0, "remeasure": "often"},
        cluster={"cpus_per_trial": True, "gpus_per_trial": "all"},
        tracking=["mlflow"],
        notes="hello",
    )
    found = problems_of(lambda: parse_config(raw))
    expected = {
        "sweep": ["'a/b' is not a name"],
        "task.args": ["3 is not a mapping"],
        "space.student.depht": ["did you mean 'depth'", "legal: depth"],
        "space.prunning": ["did you mean 'pruning'", "legal: student, distillation, pruning, quantization"],
        "space.quantization.scheme": ["'int9'", "legal: none, fp16, weight-fp16, dynamic-int8, static-int8"],
        "objectives.acuracy": ["did you mean 'accuracy'", "latency_ms"],
        "objectives.size_mb": ["'minimise'", "did you mean 'minimize'"],
        "constraints.latency": ["'latency'", "latency_ms"],
        "constraints.accuracy": ["0.9 is not a bound", '">= NUMBER"'],
        "training.student_epochs": ["-1 is out of range", ">= 0"],
        "training.learning_rate": ["0 is out of range", "> 0"],
        "training.schedule": ["'cosin'", "did you mean 'cosine'", "legal: cosine, linear, wsd"],
        "training.teacher_epochs": ["1.5 is not a whole number"],
        "target.runtime": ["'onnxrt'", "did you mean 'onnxruntime'"],
        "target.device": ["'tpu'", "legal: cpu"],
        "target.threads": ["'two' is not a whole number"],
        "search.sampler": ["'tpee'", "did you mean 'tpe'", "legal: tpe, nsga2, nsga3, qmc, random"],
        "search.trails": ["did you mean 'trials'", "legal: sampler, trials, budget, patience"],
        "search.trials": ["0 is out of range", ">= 1"],
        "search.remeasure": ["'often' is neither true nor false"],
        "cluster.cpus_per_trial": ["true is not a whole number"],
        "cluster.gpus_per_trial": ["'all' is not a number"],
        "tracking": ["['mlflow'] is not a mapping", "legal keys: experiment, uri"],
        "notes": ["'notes' is not known", "legal: sweep, task, space"],
    }
    assert set(found) == set(expected)
    for where, parts in expected.items():
        assert [part for part in parts if part not in found[where]] == [], found[where]


def test_a_seed_has_an_upper_bound(make_config) -> None:
    assert make_config(search={"seed": 2**63 - 1}).search.seed == 2**63 - 1
    problems = problems_of(lambda: make_config(search={"seed": 2**63}))
    assert list(problems) == ["search.seed"]
    assert f"<= {2**63 - 1}" in problems["search.seed"]


@pytest.mark.parametrize("missing", ["sweep", "task", "space"])
def test_what_has_to_be_there_is_missed(make_raw, missing) -> None:
    raw = make_raw()
    del raw[missing]
    assert problems_of(lambda: parse_config(raw)) == {missing: "is missing"}


@pytest.mark.parametrize("objectives", [{}, ["accuracy"], "accuracy"])
def test_objectives_are_a_mapping_of_at_least_one(make_raw, objectives) -> None:
    raw = make_raw() | {"objectives": objectives}
    assert "is not a mapping such as" in problems_of(lambda: parse_config(raw))["objectives"]


def test_an_empty_section_is_told(make_raw) -> None:
    assert "legal keys: sampler" in problems_of(lambda: parse_config(make_raw(search=None)))["search"]


def test_constraints_are_read(make_config) -> None:
    config = make_config(constraints={"accuracy": ">= 0.9", "size_mb": "<2"})
    assert config.constraints == (Constraint("accuracy", ">=", 0.9), Constraint("size_mb", "<", 2))


def test_optional_fine_tuning_needs_a_bound_to_meet(make_config) -> None:
    space = {"student": {"depth": 1}, "pruning": {"ratio": 0.5, "finetune": ["always", "if-needed"]}}
    make_config(space=space, constraints={"accuracy": ">= 0.9"})
    advice = 'if-needed needs a lower bound on accuracy, such as constraints: {accuracy: ">= 0.95"}'
    for constraints in (None, {"accuracy": "<= 0.9"}):
        problems = problems_of(lambda bounds=constraints: make_config(space=space, constraints=bounds))
        assert problems == {"space.pruning.finetune": advice}


def test_the_bound_on_accuracy_reaches_those_who_train(make_config, workspace) -> None:
    assert sweep_evaluator(make_config(constraints={"accuracy": ">= 0.9"}), workspace).context.accuracy_floor == 0.9
    assert sweep_evaluator(make_config(constraints={"size_mb": "<= 9"}), workspace).context.accuracy_floor is None


def test_a_key_given_twice_is_told_with_its_line(write_yaml) -> None:
    path = write_yaml("sweep: a\ntask: {use: digits}\nspace:\n  student: {depth: 1}\n  student: {depth: 2}\n")
    assert problems_of(lambda: load_config(path)) == {f"{path}:5:3": "not YAML: 'student' is given twice"}


@pytest.mark.parametrize("text", ["", "[1, 2]", "word"])
def test_what_is_no_mapping_is_told(write_yaml, text) -> None:
    path = write_yaml(text)
    assert "is not a mapping; legal keys: sweep" in problems_of(lambda: load_config(path))[str(path)]


def test_what_cannot_be_read_is_told(tmp_path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in problems_of(lambda: load_config(binary))[str(binary)]
    absent = tmp_path / "absent.yaml"
    assert "No such file" in problems_of(lambda: load_config(absent))[str(absent)]
    assert "directory" in problems_of(lambda: load_config(tmp_path))[str(tmp_path)]


def test_overrides_replace_and_add(write_yaml, make_raw) -> None:
    path = write_yaml(make_raw())
    config = load_config(
        path,
        [
            "search.trials=3",
            "training.student_epochs=1",
            "space.student.depth=[1, 3]",
            "sweep=b",
            "tracking.experiment=a=b",
        ],
    )
    assert config.search.trials == 3
    assert config.training.student_epochs == 1
    assert config.space.axis("student.depth").values == (1, 3)
    assert config.sweep == "b"
    assert config.tracking.experiment == "a=b"
    assert parse_config(yaml.safe_load(config.dump())) == config


def test_wrong_overrides_are_told_beside_the_other_problems(write_yaml, make_raw) -> None:
    path = write_yaml(make_raw(search={"seed": -1}))
    wrong = ["search.trials", "=3", "sweep.name=3", "search.trials=[1", "search.trials=many"]
    found = problems_of(lambda: load_config(path, wrong))
    assert found["-o search.trials"] == "write -o key.path=value"
    assert found["-o =3"] == "write -o key.path=value"
    assert found["-o sweep.name=3"] == "sweep is not a section"
    assert found["-o search.trials=[1"] == "'[1' is not a YAML value: expected ',' or ']', but got '<stream end>'"
    assert "'many' is not a whole number" in found["search.trials"]
    assert "-1 is out of range" in found["search.seed"]
    assert problems_of(lambda: load_config(write_yaml(make_raw()), ["a"])) == {"-o a": "write -o key.path=value"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"search": {"trials": 99, "sampler": "tpe", "remeasure": False}}, []),
        ({"cluster": {"cpus_per_trial": 2}, "tracking": {"experiment": "x"}}, []),
        ({"sweep": "other"}, []),
        ({"target": {"threads": 1}}, []),
        ({"target": {"threads": 2}}, ["target"]),
        ({"search": {"seed": 1}}, ["search.seed"]),
        ({"space": {"student": {"depth": [1, 2]}}}, ["space"]),
        ({"task": {"args": {"batch_size": 32}}}, ["task"]),
        ({"training": {"student_epochs": 1}, "constraints": {"accuracy": "> 0.5"}}, ["constraints", "training"]),
        ({"objectives": {"size_ratio": "minimize"}}, ["objectives"]),
    ],
)
def test_what_makes_it_another_sweep(make_config, changes, expected) -> None:
    assert make_config(**changes).differences(make_config()) == expected


def test_a_value_that_only_yaml_knows_is_no_crash(make_raw) -> None:
    raw = make_raw(search={"trials": datetime.date(2026, 1, 1)})
    assert "is not a whole number" in problems_of(lambda: parse_config(raw))["search.trials"]


def test_what_is_only_shown_is_no_objective(make_raw) -> None:
    problems = problems_of(lambda: parse_config(make_raw() | {"objectives": {"macs": "minimize"}}))
    said, _, legal = problems["objectives.macs"].partition(": ")
    assert said == "is only shown; legal objectives"
    assert {"accuracy", "accuracy_drop", "latency_ms"} <= set(legal.split(", "))
    assert "macs" not in legal.split(", ")
    assert parse_config(make_raw(constraints={"macs": "<= 1e6"})).constraints[0].name == "macs"


def test_numbers_that_not_every_machine_has_may_be_optimised_and_are_known(make_raw) -> None:
    config = parse_config(make_raw(objectives={"energy_mj": "minimize"}, constraints={"energy_mj": "<= 5"}))
    assert config.optional_metrics == ("energy_mj",)
    assert sweep_evaluator(config, Workspace(Path("home"))).required == ("energy_mj",)
    assert parse_config(make_raw()).optional_metrics == ()


def test_what_the_targets_format_does_not_tell_is_neither_objective_nor_bound(make_raw, own_format) -> None:
    target = {"target": {"runtime": "numpy"}, "space": {"quantization": {"scheme": ["none"]}}}
    assert parse_config(make_raw(**target, constraints={"parameters": "<= 1e6"})).targets.first.runtime == "numpy"
    problems = problems_of(lambda: parse_config(make_raw(**target, constraints={"macs": "<= 1e6"})))
    assert problems["constraints.macs"] == (
        "is not available with numpy, which executes NumPy files: the file does not say how often a weight is used"
    )


REGISTERING = """
from pipelines import FORMATS, RUNTIMES
from tests.pipelines.formats.npz_format import NpzFormat
from tests.pipelines.formats.numpy_runtime import NumpyRuntime
from tests.pipelines.formats.own import Halves as Halves

FORMATS["npz"] = NpzFormat()
RUNTIMES["numpy"] = NumpyRuntime()
"""


def test_the_module_of_the_task_may_register_the_runtime(make_raw, own_format, tmp_path, monkeypatch) -> None:
    del FORMATS["npz"], RUNTIMES["numpy"]  # `own_format` removes what the module registers
    own = {"target": {"runtime": "numpy"}, "space": {"quantization": {"scheme": ["none"]}}}
    problems = problems_of(lambda: parse_config(make_raw(**own, task={"use": "absent_task:Halves"})))
    assert problems == {"target.runtime": "'numpy' is not known; legal: onnxruntime, openvino, torch"}
    (tmp_path / "registering_task.py").write_text(REGISTERING, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "registering_task", raising=False)
    assert parse_config(make_raw(**own, task={"use": "registering_task:Halves"})).targets.first.runtime == "numpy"


def test_a_scheme_for_another_runtime_is_ruled_out_before_the_search(make_raw, make_config) -> None:
    changes = {"space": {"quantization": {"scheme": ["none", "nncf-int8", "static-int8"]}}}
    problem = problems_of(lambda: parse_config(make_raw(**changes)))["space.quantization.scheme"]
    assert problem.startswith(
        "'nncf-int8' is for openvino, not for onnxruntime; legal: none, fp16, weight-fp16, dynamic-int8, static-int8, "
    )
    assert make_config(**changes, target={"runtime": "openvino"}).targets.first.runtime == "openvino"


def test_a_runtime_that_is_not_installed_is_told_with_how_to_install_it(make_raw, monkeypatch) -> None:
    def absent(name: str) -> str:
        raise extra.PackageNotFoundError(name)

    monkeypatch.setattr(extra, "version", absent)
    problem = problems_of(lambda: parse_config(make_raw(target={"runtime": "openvino"})))["target.runtime"]
    assert problem == (
        "'openvino' needs the package openvino, which is not installed; install it: pip install -e '.[openvino]'"
    )


def test_a_store_is_a_url_and_a_limit_and_no_part_of_what_a_sweep_is(make_config) -> None:
    config = make_config(store={"url": "s3://bucket/folder", "limit_gb": 0.5})
    assert (config.store.url, config.store.limit_gb) == ("s3://bucket/folder", 0.5)
    assert config.differences(make_config()) == []
    with pytest.raises(InputError) as error:
        make_config(store={"url": "bucket/folder", "limit_gb": 0, "size": 1})
    assert [str(problem) for problem in error.value.problems] == [
        "store.url: 'bucket/folder' is not a URL such as s3://bucket/folder",
        "store.limit_gb: 0 is out of range; legal: a number > 0 and <= 1000000",
        "store.size: 'size' is not known; legal: url, limit_gb",
    ]


def test_all_results_of_a_sweep_go_where_its_file_says(make_config, workspace) -> None:
    assert sweep_evaluator(make_config(), workspace).store == Store(workspace.store)
    assert not workspace.root.exists()
    store = sweep_evaluator(make_config(store={"url": "s3://bucket/folder"}), workspace).store
    assert store == Store(workspace.store, "s3://bucket/folder", f"small@{workspace.identity()}")


def test_a_sweep_from_before_there_were_schedules_goes_on(make_raw) -> None:
    before = make_raw()
    for schedule, differences in (("cosine", []), ("wsd", ["training"])):
        training = {**before.get("training", {}), "schedule": schedule}
        assert parse_config(make_raw(training=training)).differences(parse_config(before)) == differences


def test_a_sweep_ends_after_trials_or_a_budget_or_both(make_raw) -> None:
    def search(**given):
        raw = make_raw()
        raw["search"] = given
        return parse_config(raw).search

    assert (search().trials, search().budget, search().extent) == (40, None, "40 trials")
    assert (search(budget="90m").trials, search(budget="90m").extent) == (None, "1h30m")
    assert search(budget="8 cpu-hours", trials=30).extent == "30 trials or 8 cpu-hours (whichever ends first)"
    assert search(trials=None, budget=None).trials == 40


def test_a_budget_that_is_none_or_never_ends_is_told(make_config, write_yaml, make_raw) -> None:
    with pytest.raises(InputError) as wrong:
        make_config(search={"budget": 3600})
    assert str(wrong.value).startswith("search.budget: 3600 has no unit; legal: a time such as 2h")
    with pytest.raises(InputError) as wrong:
        load_config(write_yaml(make_raw()), ["search.budget=8 gpu-hours"])
    assert str(wrong.value) == (
        "search.budget: '8 gpu-hours' is never used up, as cluster.gpus_per_trial is 0; raise that, or give a time or "
        "cpu-hours"
    )


def test_files_are_measured_on_nodes_of_a_cluster_only_if_there_is_one(make_config) -> None:
    edge = {"resource": "edge"}
    assert make_config(target=edge, cluster={"address": "auto"}).targets.first.resource == "edge"
    with pytest.raises(InputError) as wrong:
        make_config(target=edge)
    assert str(wrong.value).startswith(
        "target.resource: 'edge' is what nodes of a cluster offer, and cluster.address is local; start a cluster here "
        "with: ray start --head, and set cluster.address: auto"
    )


def test_a_sweep_may_go_on_with_another_budget(make_config, write_yaml, make_raw) -> None:
    config = make_config(search={"trials": None, "budget": "1h"})
    assert config.differences(load_config(write_yaml(make_raw()), ["search.budget=3h"])) == []
    assert load_config(write_yaml(config.dump())).search == config.search


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"search": {"budget": "8 gpu-hours"}, "cluster": {"gpus_per_trial": "one"}}, ["cluster.gpus_per_trial"]),
        ({"search": {"budget": "8 gpu-hours"}, "cluster": {"gpu_per_trial": 1}}, ["cluster.gpu_per_trial"]),
        ({"search": {"budget": "8 gpu-hours", "colour": 1}}, ["search.colour", "search.budget"]),
        ({"target": {"runtme": "openvino"}, "space": {"quantization": {"scheme": "nncf-int8"}}}, ["target.runtme"]),
        ({"target": {"runtime": 3}, "space": {"quantization": {"scheme": "nncf-int8"}}}, ["target.runtime"]),
        (
            {"target": {"threads": 0}, "space": {"quantization": {"scheme": "nncf-int8", "layers": 1}}},
            ["target.threads", "space.quantization.layers", "space.quantization.scheme"],
        ),
        (
            {"space": {"pruning": {"finetune": "if-needed"}}, "constraints": {"acuracy": ">= 1"}},
            ["constraints.acuracy"],
        ),
        ({"space": {"pruning": {"finetune": "if-needed"}}, "constrains": {"accuracy": ">= 1"}}, ["constrains"]),
        ({"space": {"pruning": {"finetune": ["if-needed", "x"]}}}, ["space.pruning.finetune"] * 2),
    ],
)
def test_what_rests_on_a_wrong_value_is_not_told_and_all_else_is(make_raw, changes, places) -> None:
    with pytest.raises(InputError) as told:
        parse_config(make_raw(**changes))
    assert [problem.where for problem in told.value.problems] == places


def test_a_misspelt_section_is_not_missing_too(make_raw) -> None:
    raw = make_raw()
    raw["spce"] = raw.pop("space")
    (message,) = problems_of(lambda: parse_config(raw)).values()
    assert message.startswith("'spce' is not known (did you mean 'space'?)")


def test_what_could_be_read_of_a_wrong_file_is_known(make_raw) -> None:
    changes = {"task": {"colour": "red"}, "store": {"limit_gb": 0}, "space": {"student": {"depth": [0, 2]}}}
    reading = read_config(make_raw(**changes, tracking=3))
    assert [problem.where for problem in reading.problems] == [
        "task.colour", "tracking", "store.limit_gb", "space.student.depth"
    ]  # fmt: skip
    assert reading.config is None
    assert reading.section(TaskSection, "task") == TaskSection(use="digits")
    assert reading.section(StoreSection, "store") == StoreSection()
    assert reading.section(TrackingSection, "tracking") is None
    assert reading.space.axis("student.depth").values == (2,)


def test_an_override_changes_the_named_key_and_not_its_alias(write_yaml) -> None:
    path = write_yaml(
        "sweep: a\ntask: {use: digits}\nspace:\n"
        "  student: {depth: 1}\n"
        "  distillation: {alpha: &range {low: 0.25, high: 0.75, step: 0.25}}\n"
        "  pruning: {method: unstructured, ratio: *range}\n"
    )
    space = load_config(path, ["space.pruning.ratio.low=0.5"]).space
    assert space.axis("pruning.ratio").values == (0.5, 0.75)
    assert space.axis("distillation.alpha").values == (0.25, 0.5, 0.75)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("search.trials=", "no value; write search.trials=null for none, or search.trials='\"\"' for empty text"),
        ("search.=3", "write -o key.path=value"),
        ("search..trials=3", "write -o key.path=value"),
        (".".join("a" * 51) + "=3", "write -o key.path=value"),
        ("task.args=" + "[" * 2000, "more than 50 lists and mappings lie in each other here"),
    ],
    ids=["empty", "no key", "no key between", "deep path", "deep value"],
)
def test_an_override_that_cannot_be_meant_is_told(write_yaml, make_raw, override, told) -> None:
    assert told in problems_of(lambda: load_config(write_yaml(make_raw()), [override]))[f"-o {override}"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"training": {"teacher_epochs": 1e23}}, "1e+23 is out of range; legal: a whole number >= 0 and <= 1000000"),
        ({"training": {"learning_rate": float("inf")}}, "inf is out of range; legal: a number > 0 and <= 1"),
        ({"training": {"weight_decay": float("nan")}}, "nan is not a number; legal: a number >= 0 and <= 1"),
        ({"target": {"batch": 10**12}}, "1000000000000 is out of range; legal: a whole number >= 1 and <= 65536"),
        ({"search": {"trials": 100.0}}, "100.0 is not a whole number; write 100"),
        ({"search": {"seed": 2**63}}, "9223372036854775808 is out of range; legal: a whole number >= 0 and <= "),
        ({"cluster": {"gpus_per_trial": float("inf")}}, "inf is out of range; legal: a number >= 0 and <= 64"),
        (
            {"cluster": {"gpus_per_trial": 1.5}},
            "1.5 is neither a share of one GPU nor a number of whole ones; legal: at most 1, or 2, 3, …",
        ),
        (
            {"cluster": {"address": "ray://head:10001"}},
            "'ray://head:10001' is an address of Ray Client, through which no ",
        ),
        ({"cluster": {"cpus_per_trial": 100_000}}, "100000 is out of range; legal: a whole number >= 1 and <= 1024"),
        ({"store": {"limit_gb": float("inf")}}, "inf is out of range; legal: a number > 0 and <= 1000000"),
        ({"tracking": {"experiment": ""}}, "is empty; leave it out, or give it a value"),
        ({"tracking": {"uri": "x" * 501}}, "has 501 characters; legal: at most 500"),
    ],
    ids=lambda value: next(iter(next(iter(value.values())))) if isinstance(value, dict) else "",
)
def test_every_number_and_text_has_its_limits(make_raw, changes, told) -> None:
    ((section, given),) = changes.items()
    assert told in problems_of(lambda: parse_config(make_raw(**changes)))[f"{section}.{next(iter(given))}"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "a is nan; give a finite number"),
        ([1, {"b": float("inf")}], "a[1].b is inf; give a finite number"),
        (datetime.date(2026, 1, 1), "a is datetime.date(2026, 1, 1), a date; legal: text, numbers"),
        ({True: 1}, "a has the key true, which is not text"),
    ],
    ids=["nan", "infinity within", "date", "truth as key"],
)
def test_arguments_that_no_key_can_hold_are_told_with_their_place(make_raw, value, told) -> None:
    assert problems_of(lambda: parse_config(make_raw(task={"args": {"a": value}})))["task.args"].startswith(told)


CUDA = {"target": {"device": "cuda"}, "cluster": {"gpus_per_trial": 1}}


def test_a_target_on_a_gpu_needs_one_for_each_trial(make_raw) -> None:
    space = {"quantization": {"scheme": ["none", "fp16"]}}
    assert parse_config(make_raw(**CUDA, space=space)).targets.first.on_gpu
    problems = problems_of(lambda: parse_config(make_raw(target={"device": "cuda"}, space=space)))
    advice = "needs a GPU for each trial; set cluster.gpus_per_trial, such as 1, or 0.25 for four trials on one"
    assert problems == {"target.device": f"'cuda' {advice}"}


def test_schemes_that_only_lose_on_a_gpu_are_refused_with_what_was_measured(make_raw) -> None:
    space = {"quantization": {"scheme": ["none", "fp16", "static-int8", "dynamic-int8"]}}
    with pytest.raises(InputError) as error:
        parse_config(make_raw(**CUDA, space=space))
    static, dynamic = (problem.message for problem in error.value.problems)
    assert static.startswith(
        "'static-int8' on onnxruntime with target.device: cuda is slower than floating point there"
    )
    assert "2.70 ms against 0.92 ms" in static
    assert (
        "'dynamic-int8' on onnxruntime with target.device: cuda finds the ranges of activations on the CPU" in dynamic
    )
    assert static.partition("legal: ")[2] == dynamic.partition("legal: ")[2]
    assert "int8" not in static.partition("legal: ")[2].replace("weight-int8", "")


def test_tf32_is_for_gpus(make_raw) -> None:
    space = {"quantization": {"scheme": ["none", "tf32", "bf16"]}}
    problems = problems_of(lambda: parse_config(make_raw(target={"runtime": "torch"}, space=space)))
    (message,) = problems.values()
    assert message.startswith("'tf32' on torch with target.device: cpu changes how NVIDIA's GPUs multiply")


@pytest.mark.parametrize("metric", ["throughput", "gpu_memory_mb"])
def test_what_is_measured_on_gpus_only_is_no_objective_elsewhere(make_raw, metric: str) -> None:
    direction = "maximize" if metric == "throughput" else "minimize"
    problems = problems_of(lambda: parse_config(make_raw(objectives={"accuracy": "maximize", metric: direction})))
    assert problems == {f"objectives.{metric}": "is measured on cuda only, and target.device is cpu"}
