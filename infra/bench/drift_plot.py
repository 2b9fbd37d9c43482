"""The plot of `make bench-drift`: power over severity, one panel a change, one line a window size."""

from pathlib import Path


def plot_power(table: Path, picture: Path) -> None:
    """Draw the power of the corruptions from `power.csv`; changes without severities stand in the last panel."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    rows = pd.read_csv(table)
    graded = rows[rows["severity"].between(1, 5)]
    kinds = list(dict.fromkeys(graded["change"]))
    figure, axes = plt.subplots(3, -(-(len(kinds) + 1) // 3), figsize=(11, 7.5), constrained_layout=True)
    panels = axes.ravel()
    colours = dict(zip(sorted(set(rows["images"])), ("#8fb8de", "#3a7ca5", "#16425b"), strict=False))
    for panel, kind in zip(panels, kinds, strict=False):
        for (size, share), line in graded[graded["change"] == kind].sort_values("severity").groupby(["images", "share"]):
            style = "-" if share == 1 else "--"
            panel.plot(line["severity"], line["power"], style, marker="o", markersize=3, color=colours[size])
            panel.fill_between(line["severity"], line["low"], line["high"], color=colours[size], alpha=0.08)
        panel.set_title(kind, fontsize=10)
        panel.set_xticks(sorted(set(graded["severity"])))
        panel.axhline(0.95, color="#999", linewidth=0.6)
        panel.set_ylim(-0.03, 1.03)
    last = panels[len(kinds)]
    others = rows[~rows["severity"].between(1, 5) & (rows["images"] == 200)]
    labels = [
        each.change + (f" {each.severity}%" if each.severity else "") + ("" if each.share == 1 else f", {each.share:.0%}")
        for each in others.itertuples()
    ]
    last.barh(labels, others["power"], color=colours[200])
    last.tick_params(axis="y", labelsize=7)
    last.set_title("data set, 200 images", fontsize=10)
    for panel in panels[len(kinds) + 1 :]:
        panel.set_axis_off()
    handles = [plt.Line2D([], [], color=colour, label=f"{size} images") for size, colour in colours.items()]
    handles += [
        plt.Line2D([], [], color="#555", linestyle=style, label=text) for style, text in (("-", "all changed"), ("--", "a quarter"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=9, frameon=False)
    figure.suptitle("Share of windows in which drift is seen, by severity (false-alarm chance 1 %)", fontsize=11)
    figure.savefig(picture, dpi=80)
    plt.close(figure)
