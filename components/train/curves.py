"""The picture of a training: loss, accuracy and AUC by epoch."""

from pathlib import Path


def write_curves(curves: list[dict[str, float]], path: Path) -> Path:
    """Draw loss, accuracy and validation AUC by epoch into a PNG and return its path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    epochs = range(1, len(curves) + 1)
    for axis, name in zip(axes, ("loss", "accuracy", "auc"), strict=True):
        for key, label in ((name, "train"), (f"val_{name}", "validation")):
            if key in curves[0]:
                axis.plot(epochs, [values[key] for values in curves], marker=".", label=label)
        axis.set(xlabel="epoch", title="AUC" if name == "auc" else name)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
