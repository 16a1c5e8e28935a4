import io

from rich.console import Console

from search.reports.sensitivity_table import reasons_not_cut, sensitivity_table


def shown(found, **options) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120, **options).print(sensitivity_table("a title", found))
    return stream.getvalue()


def test_layers_by_ratios_with_what_cannot_be_cut(analysed) -> None:
    lines = shown(analysed).splitlines()
    assert "a title" in lines[0]
    cells = {line.split()[1]: line.split("│")[1:-1] for line in lines if line.startswith("│")}
    assert [cell.strip() for cell in cells["stem"]] == ["stem", "16", "0.050", "0.450"]
    assert [cell.strip() for cell in cells["odd"]] == ["odd", "8", "0.030", "-"]
    assert [cell.strip() for cell in cells["idle"]] == ["idle", "16", "-0.005", "0.000"]
    assert "accuracy of the whole network on the calibration split: 0.9" in " ".join(" ".join(lines).split())


def test_colours_go_by_the_share_of_the_accuracy_that_is_lost(analysed) -> None:
    text = shown(analysed, force_terminal=True, color_system="standard")
    green, yellow, red = "\x1b[32m", "\x1b[33m", "\x1b[31m"
    assert f"{green}-0.005" in text
    assert f"{yellow}0.030" in text
    assert f"{red}0.050" in text  # 0.05 of 0.9
    assert f"{red}0.450" in text


def test_notes_say_why_a_layer_could_not_be_cut(analysed) -> None:
    assert reasons_not_cut(analysed) == ["odd at 0.5: TypeError: [half] is too much"]
