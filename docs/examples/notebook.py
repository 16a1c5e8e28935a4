"""A sweep in a notebook: run it, look at its front, pick one. From the root of the repository; `# %%` begins a cell."""

# %% Run the sweep, or go on where it stopped. Leave `in_process` out to run trials side by side with Ray Tune.
from search import load_front, pick, run_sweep

front = run_sweep("docs/examples/tumours.yaml", {"search.trials": 6}, in_process=True)

# %% The front as a table: recipes, metrics with the ends of their 95 % intervals, how likely each is on the front.
print(f"hypervolume {front.hypervolume:.3f}")
print(front.table[["trial", "label", "accuracy", "accuracy.low", "accuracy.high", "latency_ms", "size_mb", "p_front"]])

# %% As a picture; every trial, on the front or not, for pictures of your own.
front.plot("front.png")
print(front.trials.sort_values("size_mb")[["label", "size_mb", "accuracy"]].head())

# %% Another day, another notebook: the same front from the workspace. Whoever watches a running sweep calls it again.
front = load_front("tumours")

# %% One configuration, and why. `paredown pick` does the same, opens the test split and exports.
choice = pick(front, where=["size_ratio<=1", "accuracy_drop<=0.2"], weights={"accuracy": 2, "size_mb": 1})
print(choice.trial.label, "is", choice.reason)
if choice.runner_up:
    print("taking", choice.runner_up.label, "instead would cost", dict(choice.costs))
