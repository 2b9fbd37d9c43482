"""Pictures of a study: how the best value grew, what mattered, and which settings gave which values."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure

logger = logging.getLogger(__name__)


def write_plots(study: optuna.Study, directory: Path) -> list[Path]:
    """Write the study's plots as PNG and return their paths.

    All but the history need two finished trials and are left out below that; importance also needs values that differ.

    Args:
        study: with a complete trial.
        directory: to write into.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as pictures

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    kinds: dict[str, Callable[..., Axes | np.ndarray]] = {"study_history.png": pictures.plot_optimization_history}
    if len(complete) > 1:
        kinds |= {"study_parallel.png": pictures.plot_parallel_coordinate, "study_slices.png": pictures.plot_slice}
    if len({trial.value for trial in complete}) > 1:
        kinds["study_importance.png"] = pictures.plot_param_importances
    paths = []
    for name, draw in kinds.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental, and axes of settings that did not vary
            try:
                figure = _figure(draw(study, target_name="validation AUC"))
            except (RuntimeError, ValueError) as error:  # the trials do not tell settings apart
                logger.info("%s is left out: %s", name, " ".join(str(error).split()))
                continue
            figure.savefig(directory / name, dpi=110, bbox_inches="tight")
        pyplot.close(figure)
        paths.append(directory / name)
    return paths


def _figure(drawn: "Axes | np.ndarray") -> Figure:
    """Return the figure of what Optuna has drawn, large enough for its panels side by side."""
    axes = np.ravel(np.asarray(drawn, dtype=object))
    figure: Figure = axes[0].figure
    figure.set_size_inches(max(8.0, 2.6 * len(axes)), 4.5)
    return figure
