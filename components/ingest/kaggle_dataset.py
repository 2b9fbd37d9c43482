"""`kaggle:owner/dataset` as a source, brought by Kaggle's own client, which continues an interrupted download.

The token comes from the client's usual places. A data set is brought once; what was brought stays, also without a network.
"""

import contextlib
import io
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.domain.errors import InputError
from components.ingest.archives import recall, remember, unpack
from components.ingest.fetched import alone, place_of

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

logger = logging.getLogger(__name__)
SCHEME = "kaggle:"
SHORTCUTS = {"idc": "paultimothymooney/breast-histopathology-images", "busi": "aryashah2k/breast-ultrasound-images-dataset"}
"""Published data sets by a short name."""
_DATASET = re.compile(r"(?P<owner>[A-Za-z0-9-]+)/(?P<name>[A-Za-z0-9-]+)(?:/(?:versions/)?(?P<version>\d+))?")
_TOKEN = "set KAGGLE_API_TOKEN to a token from https://www.kaggle.com/settings/api, or save it to ~/.kaggle/access_token"  # noqa: S105 - none


def dataset_of(source: str) -> str:
    """Return `owner/name` or `owner/name/version` of a source.

    Raises:
        InputError: if it names no data set.
    """
    name = source.removeprefix(SCHEME)
    match = _DATASET.fullmatch(SHORTCUTS.get(name, name))
    if match is None:
        raise InputError(
            f"a Kaggle source must be written kaggle:owner/dataset or {_shortcuts()}, but got {source!r}; copy it from the URL"
        )
    return "/".join(part for part in match.groups() if part)


def open_kaggle(source: str, *, cache: Path) -> Path:
    """Return the folder that holds the images of a data set of Kaggle.

    Args:
        source: `kaggle:owner/dataset`, also with `/versions/N`, or `kaggle:` and a name of `SHORTCUTS`.
        cache: where it is brought, once.

    Raises:
        InputError: if there is no token, no such data set or no network.
    """
    dataset = dataset_of(source)
    place = place_of(cache, f"kaggle-{dataset.replace('/', '-')}")
    with alone(place):
        place.mkdir(exist_ok=True)
        images = recall(place, dataset)
        if images is not None:
            logger.info("%s was brought before; remove %s to bring it again", source, place)
            return images
        file = _download(dataset, place)
        images = unpack(file, cache=cache, origin=f"{SCHEME}{dataset}")
        file.unlink()
        remember(place, dataset, images)
        return images


def _download(dataset: str, folder: Path) -> Path:
    """Bring the archive of a data set."""
    from requests.exceptions import HTTPError, RequestException

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the client talks on standard output, which is for our answer alone
            api = _client()
            logger.info("bringing kaggle:%s", dataset)
            api.dataset_download_files(dataset, path=str(folder), quiet=not sys.stderr.isatty())
    except HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code == 401:
            raise InputError(f"Kaggle refuses the token (401); {_TOKEN}") from None
        if code in (403, 404):
            raise InputError(
                f"Kaggle shows this token no data set {dataset!r} ({code}); check its name, accept its terms in a browser"
            ) from None
        raise InputError(f"Kaggle does not give {dataset!r} ({code}); try again later") from None
    except RequestException as error:
        raise InputError(
            f"Kaggle must be reachable, but {dataset!r} cannot be brought ({type(error).__name__}); check the network"
        ) from None
    except ValueError as error:  # another size than announced
        raise InputError(f"{dataset!r} did not arrive whole ({' '.join(str(error).split())}); run again") from None
    except OSError as error:
        raise InputError(f"{dataset!r} cannot be written to {folder} ({error.strerror}); free some space, check the rights") from None
    return folder / f"{dataset.split('/')[1]}.zip"


def _client() -> "KaggleApi":
    """Return an authenticated client; importing it already looks for the token, and ends the process where there is none."""
    try:
        from kaggle.api.kaggle_api_extended import KaggleApi

        api = KaggleApi()
        api.authenticate()
    except SystemExit:
        raise InputError(f"a Kaggle source needs a token, but none that is valid is set; {_TOKEN}") from None
    return api


def _shortcuts() -> str:
    return " or ".join(f"{SCHEME}{name}" for name in SHORTCUTS)
