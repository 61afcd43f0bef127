"""Outbox and inbox as a state machine that hypothesis plays with: documents are handed in while
nodes die at any commit, messages are lost, doubled, reordered, confirms fail and the clock jumps.

Always: nothing is in an inbox table twice, nothing is there that nobody sent, every state follows
from the one before by the table of `core.states`, and journal and tables agree. In the end, when
the world behaves again: whatever was accepted has arrived and is acknowledged; only what was too
old by then may have been given up, visibly.

    HYPOTHESIS_EXAMPLES=2000 pytest tests/journeys/test_state_machine.py     for longer, at random
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from docexchange.core.errors import Conflict, DocexchangeError, StoreError
from docexchange.core.model import Submitted
from docexchange.core.states import Event, Kind, State, step
from docexchange.crashpoints import COMMITS
from docexchange.flow import outbox, receipts
from envelopes.model import Document
from tests.fakes import Faults
from tests.theatre import Theatre, document

ORGANS = ("H05", "H01", "H13")
SERVES = {"H05": "north", "H01": "south", "H13": "south"}
NODES = ("north", "south")
POINTS = [f"{when}:{name}" for names in COMMITS.values() for name in names for when in
          ("before", "after")]  # fmt: skip
CHANCES = st.sampled_from((0.0, 0.2, 0.6))
BACK = 10  # h; what is signed that far ahead is held and settles by itself
CALM = timedelta(hours=26)  # longer than BACK and than the longest wait
SPANS = st.sampled_from((1, 20, 90, 400, 2_000, 8_000, 50_000))  # s
EVENTS = {event.value: event for event in Event}
LONG = os.environ.get("HYPOTHESIS_EXAMPLES")
BUDGET = settings(
    max_examples=int(LONG) if LONG else 30,
    stateful_step_count=80 if LONG else 40,
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=tuple(Phase) if LONG else (Phase.generate, Phase.shrink),
)


def recipients(sender: str, number: int) -> tuple[str, ...]:
    others = tuple(organ for organ in ORGANS if organ != sender)
    return others if number % 3 == 0 else (others[number % 2],)


class Exchange(RuleBasedStateMachine):
    """Two nodes with three organs, and what was promised to whoever handed something in."""

    template: ClassVar[Path]

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="exchange-"))
        self.theatre = Theatre(self.folder, self.template, SERVES, seed)
        self.accepted: dict[tuple[str, int], str] = {}  # sender and number -> tracking id
        self.back = 0  # h that the clock has been set back
        self.attempted: set[tuple[str, str, str]] = set()  # sender, number, recipient
        self.checked: dict[str, tuple[int, dict[int, State]]] = {}  # journal lines, states so far

    def do(self, story: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(story)

    # -- what happens -----------------------------------------------------------------------
    @rule(sender=st.sampled_from(ORGANS), number=st.integers(1, 9))
    def submit(self, sender: str, number: int) -> None:
        to = recipients(sender, number)
        self.attempted |= {(sender, str(number), organ) for organ in to}
        done = self.hand_in(document(number, to, sender))
        if done is not None:
            ref = self.accepted.setdefault((sender, number), done.tracking_id)
            assert ref == done.tracking_id  # the same again sends nothing more

    @rule(sender=st.sampled_from(ORGANS), number=st.integers(1, 9))
    def submit_other_content(self, sender: str, number: int) -> None:
        if (sender, number) in self.accepted:
            other = document(number, recipients(sender, number), sender, " (khác)")
            with pytest.raises(Conflict):
                self.hand_in(other)

    def hand_in(self, letter: Document) -> Submitted | None:
        node = self.theatre.nodes[SERVES[letter.sender.organ_id]]
        try:
            done: Submitted = self.do(
                outbox.submit(letter, world=node.world, now=self.theatre.clock.now())
            )
        except StoreError:  # it died, and may or may not have it
            node.restart()
            return None
        return done

    @rule(node=st.sampled_from(NODES))
    def turn(self, node: str) -> None:
        self.do(self.theatre.nodes[node].turn())

    @rule(first=st.sampled_from(NODES), lose=st.sampled_from((None, None, *NODES)))
    def all_turn(self, first: str, lose: str | None) -> None:
        """Each node takes a turn; then perhaps all is lost that waits for one of them."""
        for node in (first, *(one for one in NODES if one != first)):
            self.turn(node)
        if lose is not None:
            self.theatre.axis.queues[lose].clear()

    @rule(sender=st.sampled_from(ORGANS), number=st.integers(1, 9))
    def submit_and_turn(self, sender: str, number: int) -> None:
        self.submit(sender, number)
        self.turn(SERVES[sender])

    @rule(seconds=SPANS)
    def time_passes(self, seconds: int) -> None:
        self.theatre.clock.advance(timedelta(seconds=seconds))

    @rule(hours=st.sampled_from((-5, -1, 1, 100)))
    def the_clock_jumps(self, hours: int) -> None:
        if hours < 0:
            self.back -= hours
        if self.back > BACK:
            return
        self.theatre.clock.advance(timedelta(hours=hours))

    @rule(node=st.sampled_from(NODES), point=st.sampled_from(POINTS))
    def will_die_at(self, node: str, point: str) -> None:
        self.theatre.nodes[node].crash_at = point

    @rule(node=st.sampled_from(NODES))
    def dies_now(self, node: str) -> None:
        self.theatre.nodes[node].restart()

    @rule(node=st.sampled_from(NODES), count=st.integers(1, 3))
    def takes_and_dies(self, node: str, count: int) -> None:
        for _ in range(count):
            self.theatre.axis.take(node)
        self.theatre.nodes[node].restart()

    @rule(refused=CHANCES, confirm_lost=CHANCES, doubled=CHANCES, reordered=CHANCES)
    def the_axis_turns(
        self, refused: float, confirm_lost: float, doubled: float, reordered: float
    ) -> None:
        self.theatre.axis.faults = Faults(refused, confirm_lost, doubled, reordered)

    @rule(up=st.booleans())
    def the_axis_goes(self, up: bool) -> None:
        self.theatre.axis.up = up

    @rule(node=st.sampled_from(NODES), place=st.integers(0, 9))
    def a_message_is_lost(self, node: str, place: int) -> None:
        queue = self.theatre.axis.queues[node]
        if place < len(queue):
            queue.pop(place)

    @rule(node=st.sampled_from(NODES), place=st.integers(0, 9))
    def a_message_is_doubled(self, node: str, place: int) -> None:
        queue = self.theatre.axis.queues[node]
        if place < len(queue):
            queue.append(replace(queue[place], redelivered=False))

    @rule(node=st.sampled_from(NODES))
    def messages_change_places(self, node: str) -> None:
        self.theatre.rng.shuffle(self.theatre.axis.queues[node])

    @rule(number=st.integers(1, 9), code=st.sampled_from(("02", "03", "05", "06", "15")))
    def a_status_is_reported(self, number: int, code: str) -> None:
        node = self.theatre.nodes["south"]
        work = receipts.report(
            f"{number}/QĐ-UBND",
            code,
            note="vì sao",
            world=node.world,
            now=self.theatre.clock.now(),
        )
        try:
            self.do(work)
        except StoreError:
            node.restart()
        except DocexchangeError:  # nothing of that number, two of them, or not now
            pass

    # -- what always holds ------------------------------------------------------------------
    @precondition(lambda self: hasattr(self, "theatre"))
    @invariant()
    def nothing_is_doubled_or_made_up(self) -> None:
        for node in NODES:
            rows = Counter(self.rows(node, "SELECT from_organ, number, organ FROM arrivals"))
            assert set(rows.values()) <= {1}, rows
            assert set(rows) <= self.attempted

    @precondition(lambda self: hasattr(self, "theatre"))
    @invariant()
    def every_state_follows_from_the_one_before(self) -> None:
        for node in NODES:
            after, states = self.checked.get(node, (0, {}))
            kinds = dict(self.rows(node, "SELECT id, kind FROM deliveries"))
            query = f"SELECT number, line FROM journal WHERE number > {after} ORDER BY number"
            for number, text in self.rows(node, query):
                line, after = json.loads(text), number
                if line["event"] in EVENTS and "delivery" in line:
                    one, event = line["delivery"], EVENTS[line["event"]]
                    before = states.get(one, State.QUEUED)
                    states[one] = step(Kind(kinds[one]), before, event)
                    assert states[one] == line["state"], line
            self.checked[node] = after, states
            for one, state in self.rows(node, "SELECT id, state FROM deliveries"):
                assert states.get(one, State.QUEUED) == state

    def rows(self, node: str, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / f"{node}.sqlite3")) as connection:
            return connection.execute(query).fetchall()

    # -- the end ----------------------------------------------------------------------------
    def teardown(self) -> None:
        if not hasattr(self, "theatre"):
            return
        try:
            self.calm_down()
            self.check_the_promise()
        finally:
            self.theatre.close()
            self.runner.close()
            shutil.rmtree(self.folder)

    def calm_down(self) -> None:
        theatre = self.theatre
        theatre.axis.up, theatre.axis.faults = True, Faults()
        for node in theatre.nodes.values():
            node.crash_at = ""
        self.young = theatre.clock.now() + CALM
        self.do(theatre.run(CALM, timedelta(hours=1)))
        self.do(theatre.run(timedelta(minutes=10), timedelta(minutes=2)))
        self.nothing_is_doubled_or_made_up()
        self.every_state_follows_from_the_one_before()

    def check_the_promise(self) -> None:
        arrived = {
            (sender, int(number), organ)
            for node in NODES
            for sender, number, organ in self.rows(
                node, "SELECT from_organ, number, organ FROM arrivals"
            )
        }
        for (sender, number), ref in self.accepted.items():
            view = self.theatre.nodes[SERVES[sender]].store.outgoing.document(ref)
            assert {line.to_organ for line in view.deliveries} == set(recipients(sender, number))
            for line in view.deliveries:
                if line.state is State.ACKNOWLEDGED:
                    assert (sender, number, line.to_organ) in arrived
                else:
                    assert (line.state, line.reason) == (State.UNDELIVERABLE, "expired"), line
                    assert line.lifetime_ends is not None
                    assert line.lifetime_ends <= self.young, line
        for node in NODES:
            lines, _ = self.theatre.nodes[node].store.journal.verify()
            told = Counter(
                json.loads(text)["ref"]
                for (text,) in self.rows(node, "SELECT line FROM journal")
                if json.loads(text)["event"] == "arrived"
            )
            table = [ref for (ref,) in self.rows(node, "SELECT tracking_id FROM arrivals")]
            assert told == Counter(table)
            assert lines >= len(told)


@pytest.mark.slow
def test_whatever_happens_every_promise_is_kept(template: Path) -> None:
    Exchange.template = template
    gc.collect()  # tasks of crashed nodes, told of while hypothesis parses this file, confuse ast
    run_state_machine_as_test(Exchange, settings=BUDGET)
