from search.reports.front_comparison_table import members_table, reference_words, summary_table


def lines(console, table) -> list[str]:
    console.print(table)
    return [" ".join(line.translate({ord("│"): " "}).split()) for line in console.file.getvalue().splitlines()]


def test_members_come_best_first_and_say_whether_another_front_beats_them(two_fronts, console) -> None:
    found = [line for line in lines(console, members_table(two_fronts)) if line.startswith(("a ", "b "))]
    assert found == [
        "a 0 teacher 0.9 4 yes",
        "b 0 teacher 0.8 2 yes",
        "b 1 teacher 0.7 0.5 yes",
        "a 2 teacher 0.6 1",
    ]


def test_a_front_has_its_worth_and_its_share(two_fronts, console) -> None:
    found = [line for line in lines(console, summary_table(two_fronts)) if line.startswith(("a ", "b "))]
    volumes = [f"{volume:.4f}" for volume in two_fronts.hypervolumes]
    assert found == [
        f"a onnxruntime-cpu-b1-t1 2 {volumes[0]} 1 (33%)",
        f"b onnxruntime-cpu-b1-t1 2 {volumes[1]} 2 (67%)",
    ]


def test_the_reference_point_is_told(two_fronts) -> None:
    assert reference_words(two_fronts) == (
        "reference point: accuracy 0, latency_ms 4.4, from the larger of the baselines' values"
    )
