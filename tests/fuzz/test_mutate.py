"""The mutator and the campaign: what they are made of, and a sample of what they do."""

import pytest

from tests.fuzz.campaign import judge_chunk
from tests.fuzz.corpus import accepted, attackers, originals
from tests.fuzz.mutate import BYTES_MAX, change_names, mutant
from tests.letters import judge, sign_raw

SEED, SAMPLE = 20261123, 2_500  # the full run, bash deploy/fuzz mutate: see README.md


def test_the_originals_pass_and_differ() -> None:
    assert len(accepted()) == len(originals()) == 8


def test_no_word_of_an_attacker_counts() -> None:
    from tests.letters import document

    for signer in attackers():
        assert judge(sign_raw(document(), signer)).reason, signer.chain[0].subject


def test_the_same_number_makes_the_same_choices() -> None:
    for number in range(30):
        assert mutant(1, number).done == mutant(1, number).done
    assert mutant(1, 2).data != mutant(2, 2).data


@pytest.mark.slow
def test_no_false_accept_in_a_sample() -> None:
    """Every rule of `invariants.check_verdict`, among them that both readers agree."""
    tally = judge_chunk(SEED, 0, SAMPLE)
    assert not tally.finds
    assert tally.refused > SAMPLE * 0.9
    assert set(tally.changes) == set(change_names())
    assert len(tally.reasons) > 25  # the mutants reach every step, not only the first


def test_mutants_stay_small() -> None:
    assert max(len(mutant(3, number).data) for number in range(200)) <= BYTES_MAX
