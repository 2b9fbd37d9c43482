"""`lobule monitor`: has anything drifted since the champion was chosen?"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from components.domain.errors import InputError
from components.domain.settings import home, prediction_log, tracking_uri


@click.command(
    epilog="Exit codes: 0 no drift; 4 drift, or labels show a performance below the policy; 5 too little data to tell; 2 bad input; under "
    "--retrain also 1, 3 or 130 where the training did not come to its end.\n\n\b\nResearch use only. Not for clinical use."
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
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="CSV with the columns request_id and label, and group (patient, slide) if known: measures the real performance.",
)
@click.option("--on-alarm", metavar="COMMAND", help="Run on an alarm, without a shell, with the alarm as JSON on its standard input.")
@click.option("--retrain", is_flag=True, help="On an alarm train a challenger with the champion's recipe; at most one in a cool-down.")
@click.option("--data", "source", metavar="SOURCE", help="Labelled images for it, old and new. Default LOBULE_RETRAIN_SOURCE.")
@click.option("--cool-down", metavar="LENGTH", help="Least time between retrainings. Default LOBULE_RETRAIN_COOLDOWN, or 7d.")
@click.option("--promote", is_flag=True, help="With --retrain: make the challenger champion if the gate says so. Without, a person does.")
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
    labels: Path | None,
    on_alarm: str | None,
    retrain: bool,
    source: str | None,
    cool_down: str | None,
    promote: bool,
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
    lobule monitor --labels truth.csv         request_id,label: what the answers were worth
    lobule monitor --retrain --data ~/BUSI    on an alarm: a challenger, through the gate, for a person to promote
    lobule monitor --on-alarm "./page-me.sh oncall"
    lobule monitor --workspace drift          a year in view: evidently ui --workspace drift
    """
    end = _moment("--until", until) if until else None
    begin = _begin(window, since, end=end)
    if page is not None and no_html:
        raise click.UsageError("--html and --no-html exclude each other; leave one out")
    if not retrain and (source or cool_down or promote):
        raise click.UsageError("--data, --cool-down and --promote say how to retrain; add --retrain")
    from pipelines.cli.alarm import Follow

    follow = Follow.read(on_alarm, retrain=retrain, source=source, cool_down=cool_down, promote=promote)
    from components.monitor.judgement import with_outcome
    from components.monitor.monitor import judge
    from components.monitor.page import write_page
    from pipelines.cli.monitor_output import show_window, track_window
    from pipelines.watching import evaluated, floors
    from serving.registry import resolve
    from serving.settings import ServiceSettings

    resolved = resolve(model, tracking_uri=tracking_uri(), cache=ServiceSettings.read().cache)
    judged = judge(prediction_log(), resolved.bundle, since=begin, until=end, alpha=alpha, min_images=min_images)
    verdict = with_outcome(
        judged.verdict,
        prediction_log(),
        resolved.bundle,
        evaluated=evaluated(resolved.name, resolved.version),
        labels=labels,
        floors=floors(),
    )
    written = None if no_html else (page or home() / "monitor" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.html")
    if written is not None:
        written.parent.mkdir(parents=True, exist_ok=True)
        write_page(replace(judged, verdict=verdict), written)
    if gauges is not None:
        from components.monitor.prometheus import write_gauges

        write_gauges(verdict, gauges, now=datetime.now(UTC))
    if workspace is not None:
        from components.monitor.workspace import add_window

        add_window(workspace, verdict)
    if track and resolved.version:
        track_window(verdict, resolved.name, resolved.version, written)
    if not as_json:
        known = f"version {resolved.version}" if resolved.version else f"in {resolved.bundle}"
        show_window(verdict, f"{resolved.name} {known}", written)
    followed = follow.up(verdict, resolved.name, resolved.version or "", quiet=as_json)
    if as_json:
        click.echo(verdict.to_json(**followed.told), nl=False)
    return followed.exit_code or verdict.exit_code


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} must be a time in ISO 8601, but got {text!r}; write for example 2026-01-31T08:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _begin(window: str | None, since: str | None, *, end: datetime | None = None) -> datetime:
    from pipelines.durations import duration

    if window and since:
        raise click.UsageError("--window and --since exclude each other; leave one out")
    if since:
        return _moment("--since", since)
    return (end or datetime.now(UTC)) - duration("--window", window or "7d")
