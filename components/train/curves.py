"""The picture of a training: loss, accuracy and AUC by epoch."""

from pathlib import Path


def write_curves(curves: list[dict[str, float]], path: Path, *, weighted: bool) -> Path:
    """Draw loss, accuracy and validation AUC by epoch into a PNG and return its path.

    Args:
        curves: values by name, one mapping an epoch.
        path: of the picture.
        weighted: classes were weighted in training; its loss and accuracy are then not on the scale of validation's, which never are.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    epochs = range(1, len(curves) + 1)
    for axis, name in zip(axes, ("loss", "accuracy", "auc"), strict=True):
        for key, label in zip((name, f"val_{name}"), labels(weighted=weighted and name != "auc"), strict=True):
            if key in curves[0]:
                axis.plot(epochs, [values[key] for values in curves], marker=".", label=label)
        axis.set(xlabel="epoch", title="AUC" if name == "auc" else name)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path


def labels(*, weighted: bool) -> tuple[str, str]:
    """Return what the legend calls the curves of training and of validation."""
    return ("train, classes weighted", "validation, unweighted") if weighted else ("train", "validation")
