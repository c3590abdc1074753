"""The verdicts of bench/: what grows is seen, what does not is not, and pages are written by commands."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

from measuring.growth import growth
from measuring.pages import write_section
from measuring.people import RATE, crowd
from measuring.processes import cpu_s, handles, resident_mb, threads


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_is_seen_through_noise_and_warm_up_is_not_taken_for_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    minutes = np.arange(120)
    warm = 300 + 50 * (1 - np.exp(-minutes / 5)) + rng.normal(0, 1, 120)
    warm[rng.integers(30, 120, 5)] += 40  # a collector that comes late
    assert growth(warm, share=0.02, least=2.0).none
    assert not growth(warm + 0.2 * minutes, share=0.02, least=2.0).none
    assert growth(warm - minutes, share=0.02, least=2.0).none
    found = growth(warm + 0.2 * minutes, share=0.02, least=2.0)
    assert found.low < 0.2 * 89 < found.high


def test_handles_that_are_lost_one_by_one_are_growth() -> None:
    assert growth([12.0] * 120, share=0.0, least=0.5).none
    assert not growth(np.repeat(np.arange(12.0, 24.0), 10), share=0.0, least=0.5).none
    with pytest.raises(ValueError, match="too few"):
        growth([12.0] * 5, share=0.0, least=0.5)


def test_a_crowd_has_its_number_and_turns_over() -> None:
    seen: set[str] = set()
    for number, frame in zip(range(round(700 * RATE)), crowd(np.random.default_rng(0), 3), strict=False):
        if number % 300 == 0:
            assert len(frame.skeletons) == 3
            seen |= {person.track_id for person in frame.skeletons}
    assert len(seen) > 4


def test_a_process_is_measured() -> None:
    before, open_before = cpu_s(), handles()
    with Path(__file__).open():
        assert handles() == open_before + 1
    sum(range(3_000_000))
    assert cpu_s() >= before
    assert resident_mb() > 5
    assert threads() >= 1


def test_a_section_of_a_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
    write_section(page, "x", "\nnew\n")
    assert page.read_text() == "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n"
    with pytest.raises(ValueError, match="no section"):
        write_section(page, "y", "")
