from pipelines.preflight.progress import at, told_to


def test_steps_are_told_within_only() -> None:
    outer, inner = list[str](), list[str]()
    at("before")
    with told_to(outer.append):
        at("one")
        with told_to(inner.append):
            at("two")
        at("three")
    at("after")
    assert (outer, inner) == (["one", "three"], ["two"])
