"""Pictures of a study: how the best value grew, and which settings gave which values."""

import logging
import warnings
from pathlib import Path

import optuna

logger = logging.getLogger(__name__)


def write_plots(study: optuna.Study, directory: Path) -> list[Path]:
    """Write the study's plots as PNG and return their paths.

    The parallel-coordinate plot needs two finished trials and is left out below that.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as pictures

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    kinds = {"study_history.png": pictures.plot_optimization_history}
    if len(complete) > 1:
        kinds["study_parallel.png"] = pictures.plot_parallel_coordinate
    paths = []
    for name, draw in kinds.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            figure = draw(study, target_name="validation AUC").figure
        figure.set_size_inches(8, 4.5)
        figure.savefig(directory / name, dpi=110, bbox_inches="tight")
        pyplot.close(figure)
        paths.append(directory / name)
    return paths
