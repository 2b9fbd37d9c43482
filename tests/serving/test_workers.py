"""Threads that prepare each thing by itself and finish together what is ready."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from serving.workers import MANY, Work, Workers


class Letters:
    """Prepares letters and finishes them as capitals, telling what it did; `gates` hold some of it up."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.gates: dict[str, threading.Event] = {}

    def gate(self, step: str) -> threading.Event:
        return self.gates.setdefault(step, threading.Event())

    def prepare(self, letter: str) -> str:
        self._do(f"prepare {letter}")
        if threading.current_thread().name == "prepare":
            self._do("help")
        if letter == "!":
            raise ValueError("no letter")
        return letter

    def finish(self, letters: Sequence[str]) -> list[str]:
        self._do("finish " + "".join(letters))
        if "?" in letters:
            raise ValueError("no such answer")
        return [letter.upper() for letter in letters]

    def _do(self, step: str) -> None:
        self.told.append(step)
        if step in self.gates:
            assert self.gates[step].wait(10)


@dataclass(frozen=True)
class Consonants:
    """They go together; vowels go alone."""

    sizes: Sequence[int]


Test = Callable[[Letters, Workers[str, str, str]], Awaitable[None]]


def run(test: Test, *, threads: int = 1, sizes: Sequence[int] = (3, 2, 1)) -> list[str]:
    letters = Letters()

    async def whole() -> None:
        work = Work(letters.prepare, lambda letter: None if letter in "aeiou" else Consonants(sizes), letters.finish)
        workers = Workers(work, threads=threads)
        try:
            await asyncio.wait_for(test(letters, workers), 10)
        finally:
            for gate in letters.gates.values():
                gate.set()
            workers.close()

    asyncio.run(whole())
    return letters.told


def finishes(steps: Sequence[str]) -> list[str]:
    """Return what was finished together, in order."""
    return [step.removeprefix("finish ") for step in steps if step.startswith("finish ")]


async def told(letters: Letters, step: str) -> None:
    while step not in letters.told:
        await asyncio.sleep(0.001)


def test_a_lone_one_waits_for_nobody():
    async def test(_: Letters, workers: Workers[str, str, str]) -> None:
        assert await workers.submit("b") == "B"

    assert run(test) == ["prepare b", "finish b"]


@pytest.mark.parametrize(
    ("waiting", "finished"),
    [
        ("bc", ["bc"]),
        ("bcdf", ["bcd", "f"]),
        ("bcdfghj", ["bcd", "fgh", "j"]),
        ("bac", ["b", "a", "c"]),
        ("abec", ["a", "b", "e", "c"]),
        ("bcad", ["bc", "a", "d"]),
    ],
)
def test_what_waits_is_finished_together_in_order_and_only_with_its_kind(waiting: str, finished: list[str]):
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate = letters.gate("prepare o")
        first = workers.submit("o")
        await told(letters, "prepare o")
        rest = [workers.submit(letter) for letter in waiting]
        gate.set()
        assert await asyncio.gather(first, *rest) == ["O", *waiting.upper()]

    assert finishes(run(test)) == ["o", *finished]


def test_what_is_finished_alone_is_not_prepared_ahead():
    async def test(_: Letters, workers: Workers[str, str, str]) -> None:
        await asyncio.gather(*map(workers.submit, "aei"))

    assert run(test) == [f"{step} {letter}" for letter in "aei" for step in ("prepare", "finish")]


@pytest.mark.parametrize(("sizes", "finished"), [((3, 1), ["bcd", "f", "g"]), ((4, 2, 1), ["bcdf", "g"]), ((8, 1), list("bcdfg"))])
def test_no_more_are_finished_together_than_cost_less_so(sizes: tuple[int, ...], finished: list[str]):
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate = letters.gate("prepare o")
        rest = [workers.submit(letter) for letter in "obcdfg"]
        gate.set()
        await asyncio.gather(*rest)

    assert finishes(run(test, sizes=sizes)) == ["o", *finished]


@pytest.mark.parametrize(("other", "finished"), [("prepare o", ["bc", "d", "f"]), ("finish o", ["bcdf"])])
def test_a_thread_leaves_a_share_to_one_that_will_soon_have_nothing_to_do(other: str, finished: list[str]):
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate, start = letters.gate(other), letters.gate("prepare a")
        first = workers.submit("o")
        await told(letters, other)
        rest = [workers.submit(letter) for letter in "abcdf"]
        start.set()
        await asyncio.gather(*rest)
        gate.set()
        await first

    assert [group for group in finishes(run(test, threads=2, sizes=(4, 2, 1))) if group not in "oa"] == finished


def test_one_that_fails_in_preparation_fails_alone():
    async def test(_: Letters, workers: Workers[str, str, str]) -> None:
        *good, bad = await asyncio.gather(*map(workers.submit, "bc!"), return_exceptions=True)
        assert (good, str(bad)) == (["B", "C"], "no letter")

    run(test)


def test_what_fails_at_the_end_fails_for_all_of_the_group_and_the_thread_goes_on():
    async def test(_: Letters, workers: Workers[str, str, str]) -> None:
        outcomes = await asyncio.gather(*map(workers.submit, "?b"), return_exceptions=True)
        assert {str(outcome) for outcome in outcomes} <= {"no such answer", "B"}
        assert str(outcomes[0]) == "no such answer"
        assert await workers.submit("c") == "C"

    run(test)


def test_what_nobody_waits_for_any_more_is_not_begun():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate = letters.gate("prepare o")
        first = workers.submit("o")
        await told(letters, "prepare o")
        gone, kept = workers.submit("b"), workers.submit("c")
        gone.cancel()
        gate.set()
        await asyncio.gather(first, kept)

    assert "prepare b" not in run(test)


def test_closing_finishes_what_has_begun_and_drops_the_rest():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate = letters.gate("prepare b")
        begun, waiting = workers.submit("b"), workers.submit("c")
        await told(letters, "prepare b")
        closing = asyncio.create_task(asyncio.to_thread(workers.close))
        await asyncio.sleep(0.05)
        gate.set()
        assert await begun == "B"
        await closing
        assert not waiting.done()

    run(test)


def test_one_that_takes_long_keeps_no_other_waiting():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate = letters.gate("prepare z")
        slow = workers.submit("z")
        assert await asyncio.gather(*map(workers.submit, "bcd")) == ["B", "C", "D"]
        assert not slow.done()
        gate.set()
        assert await slow == "Z"

    run(test, threads=2)


MANY_LETTERS = "bcdfghjklmnp"


def test_while_many_wait_one_more_thread_prepares_for_those_that_finish():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gates = [letters.gate(f"finish {letter}") for letter in "oe"]
        slow = [workers.submit(letter) for letter in "oe"]
        await asyncio.gather(*(told(letters, f"finish {letter}") for letter in "oe"))
        rest = [workers.submit(letter) for letter in MANY_LETTERS]
        ahead = MANY_LETTERS[: len(MANY_LETTERS) - MANY]
        await asyncio.gather(*(told(letters, f"prepare {letter}") for letter in ahead))
        await asyncio.sleep(0.05)
        assert [step for step in letters.told if step.removeprefix("prepare ") in MANY_LETTERS] == [f"prepare {letter}" for letter in ahead]
        for gate in gates:
            gate.set()
        assert await asyncio.gather(*slow, *rest) == ["O", "E", *MANY_LETTERS.upper()]

    run(test, threads=2)


def test_nothing_is_prepared_ahead_beside_what_is_finished_alone():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gates = [letters.gate(f"finish {letter}") for letter in "oe"]
        slow = [workers.submit(letter) for letter in "oe"]
        await asyncio.gather(*(told(letters, f"finish {letter}") for letter in "oe"))
        rest = [workers.submit(letter) for letter in "a" + MANY_LETTERS]
        await told(letters, "prepare a")
        await asyncio.sleep(0.05)
        assert "prepare b" not in letters.told
        for gate in gates:
            gate.set()
        await asyncio.gather(*slow, *rest)

    run(test, threads=2)


def test_what_was_prepared_ahead_is_finished_though_nothing_else_comes():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate, busy = letters.gate("help"), [letters.gate(f"finish {letter}") for letter in "oe"]
        slow = [workers.submit(letter) for letter in "oe"]
        await asyncio.gather(*(told(letters, f"finish {letter}") for letter in "oe"))
        first, *rest = [workers.submit(letter) for letter in MANY_LETTERS]
        await told(letters, "help")
        for each in busy:
            each.set()
        await asyncio.gather(*slow, *rest)
        await asyncio.sleep(0.05)  # now the others sleep
        gate.set()
        assert await first == "B"

    run(test, threads=2)


def test_closing_waits_for_what_is_prepared_ahead():
    async def test(letters: Letters, workers: Workers[str, str, str]) -> None:
        gate, busy = letters.gate("help"), [letters.gate(f"finish {letter}") for letter in "oe"]
        slow = [workers.submit(letter) for letter in "oe"]
        await asyncio.gather(*(told(letters, f"finish {letter}") for letter in "oe"))
        first, *_ = [workers.submit(letter) for letter in MANY_LETTERS]
        await told(letters, "help")
        closing = asyncio.create_task(asyncio.to_thread(workers.close))
        for each in busy:
            each.set()
        await asyncio.gather(*slow)
        await asyncio.sleep(0.05)
        gate.set()
        assert await first == "B"
        await closing

    run(test, threads=2)
