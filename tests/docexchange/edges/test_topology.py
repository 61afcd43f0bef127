"""What must stand on the brokers, as data."""

from __future__ import annotations

from docexchange.core.schedule import Lane
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


def test_no_argument_that_rabbitmq_4_refuses() -> None:
    for queue in (*AXIS.queues, *mailroom_topology().queues):
        assert not {"x-queue-mode", "x-queue-version", "x-max-priority"} & queue.arguments.keys()


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
