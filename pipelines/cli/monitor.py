"""`lobule monitor`: has anything drifted since the champion was chosen?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError
from components.domain.settings import home, prediction_log, tracking_uri

if TYPE_CHECKING:
    from components.monitor.verdict import DriftVerdict

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.command(
    epilog="Exit codes: 0 no drift, 4 drift, 5 too little data to tell, 2 bad input.\n\n\b\nResearch use only. Not for clinical use."
)
@click.argument("model", required=False)
@click.option("--window", metavar="LENGTH", help="How far back to look: a number and m, h, d or w. Default 7d.")
@click.option("--since", metavar="TIME", help="Begin there instead, in ISO 8601; UTC if it names no zone.")
@click.option("--until", metavar="TIME", help="End there, in ISO 8601, and not now: a window of the past.")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Where the page goes. Default LOBULE_HOME/monitor.")
@click.option("--no-html", is_flag=True, help="Write no page: answers some seconds sooner.")
@click.option(
    "--prometheus", "gauges", type=click.Path(path_type=Path, dir_okay=False), help="Also write gauges for the textfile collector."
)
@click.option("--workspace", type=click.Path(path_type=Path, file_okay=False), help="Also add a summary to this Evidently workspace.")
@click.option("--track/--no-track", default=True, help="Add the window to the run of a registered version in MLflow, or not. Default: add.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON document.")
@click.option("--alpha", type=float, default=0.01, show_default=True, help="Chance of an alarm for a window without drift.")
@click.option("--min-images", type=int, default=30, show_default=True, help="Below this many images nothing is claimed.")
def command(
    *,
    model: str | None,
    window: str | None,
    since: str | None,
    until: str | None,
    page: Path | None,
    no_html: bool,
    gauges: Path | None,
    workspace: Path | None,
    track: bool,
    as_json: bool,
    alpha: float,
    min_images: int,
) -> int:
    """Compare what the service has seen lately with the reference window of its model.

    Watched are the images (brightness, contrast, colour and stains, sharpness, noise, compression, size), how the model sees them
    (embedding, distance from the reference), what it answers (score, confidence, classes, verdicts) and whether the log is whole.
    An alarm without drift has a chance of --alpha, of all of them together. MODEL is as for `lobule serve`: nothing for the champion,
    NAME@alias, NAME/VERSION, or the directory of a bundle.

    \b
    lobule monitor                            the champion, the last seven days
    lobule monitor --window 24h --no-html     for a cron job: read the exit code
    lobule monitor --since 2026-01-31         everything since that day
    lobule monitor --window 7d --until 2026-01-31    the week before it
    lobule monitor --json | jq .detectors     for programs
    lobule monitor --prometheus /var/lib/node_exporter/textfile/lobule.prom
    lobule monitor --workspace drift          a year in view: evidently ui --workspace drift
    """
    end = _moment("--until", until) if until else None
    begin = _begin(window, since, end=end)
    if page is not None and no_html:
        raise click.UsageError("--html and --no-html exclude each other; leave one out")
    from components.monitor.monitor import judge
    from components.monitor.page import write_page
    from serving.registry import resolve
    from serving.settings import ServiceSettings

    resolved = resolve(model, tracking_uri=tracking_uri(), cache=ServiceSettings.read().cache)
    judged = judge(prediction_log(), resolved.bundle, since=begin, until=end, alpha=alpha, min_images=min_images)
    written = None if no_html else (page or home() / "monitor" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.html")
    if written is not None:
        written.parent.mkdir(parents=True, exist_ok=True)
        write_page(judged, written)
    if gauges is not None:
        from components.monitor.prometheus import write_gauges

        write_gauges(judged.verdict, gauges, now=datetime.now(UTC))
    if workspace is not None:
        from components.monitor.workspace import add_window

        add_window(workspace, judged.verdict)
    if track and resolved.version:
        _track(judged.verdict, resolved.name, resolved.version, written)
    if as_json:
        click.echo(judged.verdict.to_json(), nl=False)
    else:
        _show(
            judged.verdict,
            f"{resolved.name} version {resolved.version}" if resolved.version else f"{resolved.name} in {resolved.bundle}",
            written,
        )
    return judged.verdict.exit_code


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} must be a time in ISO 8601, but got {text!r}; write for example 2026-01-31T08:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _begin(window: str | None, since: str | None, *, end: datetime | None = None) -> datetime:
    if window and since:
        raise click.UsageError("--window and --since exclude each other; leave one out")
    if since:
        return _moment("--since", since)
    text = window or "7d"
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isascii() or not number.isdigit() or not 0 < int(number) <= 100_000:
        raise InputError(f"--window must be a number and m, h, d or w, but got {text!r}; write for example 24h or 7d")
    return (end or datetime.now(UTC)) - timedelta(**{unit: int(number)})


def _track(verdict: "DriftVerdict", name: str, version: str, page: Path | None) -> None:
    from tempfile import TemporaryDirectory

    from components.monitor.metrics import drift_metrics
    from components.tracking.windows import record_window

    with TemporaryDirectory() as folder:
        document = Path(folder) / "drift.json"
        verdict.write(document)
        files = [document, *([page] if page else [])]
        record_window(name, version, drift_metrics(verdict), time=verdict.last or datetime.now(UTC), files=files)


def _show(verdict: "DriftVerdict", name: str, page: Path | None) -> None:
    from rich.table import Table

    from components.monitor.words import side
    from pipelines.cli.output import console

    out = console()
    out.print(f"{name}: {verdict.images:,} images, {verdict.reference_images:,} reference images", markup=False)
    out.print(verdict.text, markup=False)
    if verdict.detectors:
        table = Table("watched", "verdict", box=None, pad_edge=False)
        for heading in ("p", "effect"):
            table.add_column(heading, justify="right")
        table.add_column("reference")
        table.add_column("this window")
        for detector in verdict.detectors:
            said, style = ("drift", "bold") if detector.drifted else ("every week" if detector.seasonal else "-", None)
            before, now = side(detector.reference, spread=False), side(detector.current, spread=False)
            table.add_row(detector.words, said, f"{detector.corrected:.2g}", f"{detector.effect:.2f}", before, now, style=style)
        out.print(table)
        out.print("p is corrected for the number of detectors; effect: 0 the same, 1 apart; numbers are medians")
    left = [f"volume: {verdict.volume.sentence()}"] if verdict.volume else []
    left += [f"not watched: {column.name}: {column.reason}" for column in verdict.not_watched]
    left += [f"the log: {sentence}" for sentence in verdict.left_out.sentences()]
    left += [f"unreadable file: {file}" for file in verdict.left_out.unreadable[:5]]
    left += [f"page: {page}"] if page is not None else []
    for line in left:
        out.print(line, markup=False)
