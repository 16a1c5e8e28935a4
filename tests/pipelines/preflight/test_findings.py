from pipelines.preflight.findings import MOST_NAMES, Findings


def test_the_same_fault_of_several_networks_is_told_once() -> None:
    findings = Findings()
    for who in ("teacher()", "student(1)", "student(1)"):
        findings.add("task.use", ": training it: ValueError: too small", who)
    findings.add("space.pruning.method", "blocks: there are none")
    assert [str(problem) for problem in findings.problems] == [
        "task.use: teacher(), student(1): training it: ValueError: too small",
        "space.pruning.method: blocks: there are none",
    ]


def test_more_networks_than_fit_a_line_are_counted() -> None:
    findings = Findings()
    for depth in range(MOST_NAMES + 3):
        findings.add("task.use", ": too small", f"student({depth})")
    (problem,) = findings.problems
    named = ", ".join(f"student({depth})" for depth in range(MOST_NAMES - 1))
    assert problem.message == f"{named} and 4 others: too small"
