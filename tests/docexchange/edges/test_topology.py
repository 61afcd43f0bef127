"""What must stand on the brokers, as data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from docexchange.core.schedule import Lane
from docexchange.edges import topology as topology_module
from docexchange.edges.topology import Topology, axis_topology, mailroom_topology

AXIS = axis_topology({"H05": ["H05", "H05.12.03"], "H13": ["H13"]})


def arguments(topology: Topology, name: str) -> dict[str, object]:
    return dict(next(queue for queue in topology.queues if queue.name == name).arguments)


def test_every_organ_is_bound_in_every_lane_to_its_node() -> None:
    bound = {binding.key: binding.queue for binding in AXIS.bindings if binding.key}
    assert bound == {
        f"{lane}.{organ}": f"node.{node}.{lane}"
        for node, organ in [("H05", "H05"), ("H05", "H05.12.03"), ("H13", "H13")]
        for lane in Lane
    }


def test_a_lane_drops_nothing_and_loses_nothing_on_the_way_to_the_dead() -> None:
    for lane in Lane:
        lane_arguments = arguments(AXIS, f"node.H05.{lane}")
        assert lane_arguments["x-queue-type"] == "quorum"
        assert lane_arguments["x-overflow"] == "reject-publish"
        assert lane_arguments["x-dead-letter-strategy"] == "at-least-once"
        assert lane_arguments["x-dead-letter-exchange"] == "docexchange.dead"
        assert lane_arguments["x-max-length-bytes"]


# What RabbitMQ 3.10, 3.13, 4.0 and 4.3 all take in the declaration of a quorum queue.
EVERY_VERSION = {
    "x-queue-type",
    "x-max-length",
    "x-max-length-bytes",
    "x-overflow",
    "x-delivery-limit",
    "x-dead-letter-exchange",
    "x-dead-letter-strategy",
}


def test_only_arguments_of_every_version() -> None:
    """None of x-queue-mode, x-queue-version (4.3: declare fails), x-max-priority, mirroring."""
    for queue in (*AXIS.queues, *mailroom_topology().queues):
        assert set(queue.arguments) <= EVERY_VERSION
        assert queue.arguments["x-queue-type"] == "quorum"  # so never mirrored, never transient


def test_no_default_that_differs_between_versions_is_relied_on() -> None:
    """The delivery limit: none before 4.0, then 20. What is dead is never returned to a queue."""
    for queue in (*AXIS.queues, *mailroom_topology().queues):
        if "x-dead-letter-exchange" in queue.arguments:
            assert queue.arguments["x-delivery-limit"]
    for queue in AXIS.queues:
        if queue.name.startswith("node."):
            assert queue.arguments["x-delivery-limit"] == 1000  # we quarantine at the third


AMQP_CALLS = ("basic_qos", "queue_declare", "exchange_declare")
EDGES = Path(topology_module.__file__).parent


def amqp_calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call by which we declare or bound something, in the code that speaks AMQP."""
    for path in sorted(EDGES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def test_nothing_that_was_removed_is_asked_for() -> None:
    """Global prefetch and transient non-exclusive queues are denied from 4.3 on."""
    seen = {name for name, _ in amqp_calls()}
    assert seen.issuperset(AMQP_CALLS)
    for name, call in amqp_calls():
        given = {word.arg: word.value for word in call.keywords}
        if name == "basic_qos":
            assert set(given) == {"prefetch_count"}
        if name == "queue_declare":
            assert {"passive", "durable"} & given.keys(), ast.unparse(call)
            assert not {"exclusive", "auto_delete"} & given.keys()


def test_requeueing_is_no_rule_of_ours() -> None:
    """A message is acked after its commit or comes again by the end of the session; only apply
    gives back what it met while looking for a leader."""
    back = [
        ast.unparse(call)
        for name, call in amqp_calls()
        if name in ("basic_nack", "basic_reject", "basic_recover")
    ]
    assert back == ["channel.basic_nack(got.delivery_tag, requeue=True)"]


def test_every_dead_letter_exchange_leads_to_a_queue_that_is_never_full() -> None:
    for topology in (AXIS, mailroom_topology()):
        for queue in topology.queues:
            dead = queue.arguments.get("x-dead-letter-exchange")
            if dead is None:
                continue
            target = next(one.queue for one in topology.bindings if one.exchange == dead)
            assert arguments(topology, target)["x-overflow"] == "drop-head"


def test_the_mailrooms_objects_have_the_names_of_the_contract() -> None:
    topology = mailroom_topology()
    assert {(one.name, one.type) for one in topology.exchanges} == {
        ("mr.submit", "topic"),
        ("mr.deliver", "topic"),
        ("mr.dead", "fanout"),
    }
    assert {(one.exchange, one.key, one.queue) for one in topology.bindings} == {
        ("mr.submit", "submit.*", "mr.submit.q"),
        ("mr.deliver", "document.#", "mr.inbox"),
        ("mr.deliver", "reply.#", "mr.replies"),
        ("mr.deliver", "event.#", "mr.events"),
        ("mr.dead", "", "mr.dead.q"),
    }
    assert arguments(topology, "mr.events")["x-overflow"] == "drop-head"
    assert arguments(topology, "mr.inbox")["x-overflow"] == "reject-publish"


def test_lines_tell_what_apply_does() -> None:
    lines = AXIS.lines()
    assert "exchange docexchange (direct)" in lines
    assert "queue    node.H13.urgent" in lines
    assert "binding  docexchange -- urgent.H13 --> node.H13.urgent" in lines
    assert len(lines) == len(AXIS.exchanges) + len(AXIS.queues) + len(AXIS.bindings)
