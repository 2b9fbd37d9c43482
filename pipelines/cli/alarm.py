"""What follows an alarm of `lobule monitor`: others are told, and where that was asked for, a challenger is trained."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from components.domain.errors import InputError, LobuleError
from components.domain.settings import alarm_webhook, retrain_cooldown, retrain_source, signing_key

if TYPE_CHECKING:
    from components.monitor.verdict import DriftVerdict
    from pipelines.retraining import Plan


@dataclass(frozen=True)
class Followed:
    """What was done: facts for the JSON document, and an exit code of its own where a training did not come to its end."""

    told: dict[str, object] = field(default_factory=dict)
    exit_code: int = 0


@dataclass(frozen=True)
class Follow:
    """What is to follow an alarm, checked before any window is judged.

    Attributes:
        webhook: address to post to, "" for none.
        command: words of a command, none for none.
        retrain: train a challenger; on `source`, once in `cool_down`; `promote` it if the gate says so.
    """

    webhook: str
    command: tuple[str, ...]
    retrain: bool
    source: str
    cool_down: timedelta
    promote: bool

    @classmethod
    def read(cls, command: str | None, *, retrain: bool, source: str | None, cool_down: str | None, promote: bool) -> "Follow":
        """Return what options and settings ask for.

        Raises:
            InputError: if one of them is unfit.
        """
        from pipelines.durations import duration

        source = source or retrain_source()
        if retrain and not source:
            raise InputError(
                "--retrain needs labelled images, old and new, but no source of them is named; give --data or set LOBULE_RETRAIN_SOURCE"
            )
        webhook = alarm_webhook()
        words: tuple[str, ...] = ()
        if webhook or command:
            from components.monitor.alarm import check_command, check_webhook

            webhook = check_webhook(webhook) if webhook else ""
            words = tuple(check_command(command)) if command else ()
        name = "--cool-down" if cool_down else "LOBULE_RETRAIN_COOLDOWN"
        length = duration(name, cool_down or retrain_cooldown(), least=0)
        return cls(webhook, words, retrain, source, length, promote)

    def up(self, verdict: "DriftVerdict", name: str, version: str, *, quiet: bool) -> Followed:
        """Do it: claim the retraining, tell others, train.

        Args:
            verdict: of the window.
            name: of the model.
            version: registered version, "" for a bundle in a directory.
            quiet: print nothing on standard output.
        """
        if not verdict.alarm and not self.retrain:
            return Followed()
        planned, state = self._plan(verdict, name, version)
        told: dict[str, object] = {"retraining": {"state": state, "run": planned.spec.name if planned else ""}} if self.retrain else {}
        if verdict.alarm and (self.webhook or self.command):
            told["undelivered"] = self._tell(verdict, name, version, state, planned.spec.name if planned else "")
        if self.retrain and not quiet:
            click.echo(f"retraining: {state}")
        if planned is None:
            return Followed(told)
        from components.tracking.windows import note_retraining
        from pipelines.cli.output import Progress
        from pipelines.cli.summary import print_summary
        from pipelines.retraining import carry_out
        from pipelines.steps import STEPS

        for logger in ("components", "pipelines"):
            logging.getLogger(logger).setLevel(logging.INFO)
        click.echo(f"run {planned.spec.name}  (log: {planned.spec.log})", err=True)
        note_retraining(name, version, state)
        outcome, state = carry_out(planned, Progress(STEPS))
        note_retraining(name, version, f"run {planned.spec.name}: {state}")
        if outcome.exit_code:
            click.echo(f"lobule: {outcome.reason}", err=True)
        elif not quiet:
            print_summary(planned.spec)
            click.echo(f"\nretraining: {state}")
        return Followed({**told, "retraining": {"state": state, "run": planned.spec.name}}, outcome.exit_code)

    def _plan(self, verdict: "DriftVerdict", name: str, version: str) -> "tuple[Plan | None, str]":
        """Return the claimed retraining, or None, and what is done, in words."""
        if not self.retrain:
            return None, "none was asked for"
        from pipelines.retraining import plan

        reason = verdict.because
        if not reason:
            return None, "none: a change in the log alone is no reason" if verdict.alarm else "none: there is no alarm"
        if not version:
            return None, "none: only a registered version knows the recipe that made it; watch @champion"
        try:
            planned = plan(name, version, reason=reason, source=self.source, cool_down=self.cool_down, promote=self.promote)
        except LobuleError as error:
            return None, f"none: {error}"
        return planned, f"run {planned.spec.name} begins, because {reason}"

    def _tell(self, verdict: "DriftVerdict", name: str, version: str, state: str, run: str) -> list[str]:
        """Tell others; returns what could not be delivered."""
        from components.monitor.alarm import alarm_document, post, run_command

        document = alarm_document(verdict, name=name, version=version, retraining={"state": state, "run": run})
        failures = [post(self.webhook, document, key=signing_key())] if self.webhook else []
        failures += [run_command(list(self.command), document)] if self.command else []
        failures = [failure for failure in failures if failure]
        for failure in failures:
            click.echo(f"lobule: {failure}", err=True)
        return failures
