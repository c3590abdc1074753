"""Tokens as people move: the same however they come, in order, stamped, and in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from concept_model import open_encoder, write_model
from motion import SECOND, frame, frames, pose

from motion_seg_ros.humocon.clips import tokenize_clips
from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.humocon.streaming import Tokenizer
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.skeleton.motion_inputs import MotionInputs
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame

DAY = [("stand", 2.0), ("wave", 3.0), ("squat", 3.0), ("wave", 2.0)]
PERIOD = round(1e9 / 30)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ConceptEncoder:
    return open_encoder(write_model(tmp_path_factory.mktemp("model")))


def stream(tokenizer: Tokenizer, people: list[SkeletonFrame]) -> list[ConceptTokens]:
    return [token for item in people for token in tokenizer.update(item)]


def plain(tokens: list[ConceptTokens]) -> list[tuple]:
    """What must be the same: everything but the last bits of floats."""
    return [(t.stamp, t.frame_id, t.track_id, t.codebook, t.start, t.end, t.tokens) for t in tokens]


def joints_of(people: list[SkeletonFrame]) -> np.ndarray:
    return np.array([item.skeletons[0].joints for item in people])


def moved(item: SkeletonFrame, by: int) -> SkeletonFrame:
    return replace(item, stamp=item.stamp + by)


def together(*people: SkeletonFrame) -> SkeletonFrame:
    return replace(people[0], skeletons=tuple(s for item in people for s in item.skeletons))


def test_a_clip_gives_the_tokens_of_its_frames(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    told = stream(Tokenizer(encoder), people)
    (clip,) = tokenize_clips(encoder, [joints_of(people)], 30.0)
    assert [token for t in told for token in t.tokens] == clip.tokens.tolist()
    assert [t.end - SECOND for t in told] == clip.ends.tolist()
    np.testing.assert_allclose([t.embedding for t in told], clip.embeddings, atol=1e-5)
    assert len(told) == (len(people) - 1) // 4
    assert len(set(clip.tokens.tolist())) > 3


def test_tokens_are_stamped_by_the_steps_they_stand_for(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    told = stream(Tokenizer(encoder), people)
    for number, token in enumerate(told):
        assert token.start == SECOND + 4 * number * PERIOD
        assert token.end == token.start + 4 * PERIOD
        assert token.stamp == people[4 * (number + 1)].stamp >= token.end
        assert token.codebook == encoder.info.codebook
        assert token.embedding.shape == (encoder.info.embedding,)


@pytest.mark.parametrize("rate", [7.0, 15.0, 25.0, 60.0, 120.0])
def test_every_camera_rate_gives_tokens_of_the_same_length(encoder: ConceptEncoder, rate: float) -> None:
    people = list(frames(DAY, rate=rate))
    told = stream(Tokenizer(encoder), people)
    spans = [(t.start, t.end) for t in told]
    assert spans == [(SECOND + 4 * n * PERIOD, SECOND + 4 * (n + 1) * PERIOD) for n in range(len(told))]
    assert len(told) == (people[-1].stamp - SECOND) // (4 * PERIOD)
    (clip,) = tokenize_clips(encoder, [joints_of(people)], rate)
    assert [token for t in told for token in t.tokens] == clip.tokens.tolist()


def test_a_burst_of_frames_is_worked_on_in_parts(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    burst = [replace(people[50], stamp=people[50].stamp + 1000 * n) for n in range(1, 300)]
    people[51:51] = burst
    tokenizer = Tokenizer(encoder)
    told, held = [], 0
    for item in people:
        told += tokenizer.update(item)
        (track,) = tokenizer._cameras["camera"].tracks.values()
        held = max(held, len(track.inputs._held))
    assert 10 < held <= 64
    stamps = [item.stamp for item in people]
    inputs = MotionInputs().extend(stamps, joints_of(people), np.ones((len(people), 22)))
    whole = inputs[None, : len(inputs) // 4 * 4]
    tokens, _, _, _ = encoder.encode(whole, encoder.state(1))
    assert [token for t in told for token in t.tokens] == tokens[0].tolist()


def test_people_together_are_people_alone(encoder: ConceptEncoder) -> None:
    one, two, three = (list(frames(DAY[part:], track_id=str(part))) for part in range(3))
    # The third comes late: their tokens are due with other frames.
    crowd = [
        together(a, b, c) if number > 10 else together(a, b)
        for number, (a, b, c) in enumerate(zip(one, two, three, strict=False))
    ]
    told = stream(Tokenizer(encoder), crowd)
    alone = [one[: len(crowd)], two[: len(crowd)], three[11 : len(crowd)]]
    for name, people in zip("012", alone, strict=True):
        expected = stream(Tokenizer(encoder), people)
        assert plain([t for t in told if t.track_id == name]) == plain(expected)
    assert [t.stamp for t in told] == sorted(t.stamp for t in told)


def test_cameras_in_one_call_are_cameras_alone(encoder: ConceptEncoder) -> None:
    left = list(frames(DAY))
    right = [replace(moved(item, 7_000_000), frame_id="right") for item in frames(DAY[1:])]
    both = Tokenizer(encoder)
    told = [token for pair in zip(left, right, strict=False) for token in both.update(*pair)]
    for name, people in (("camera", left), ("right", right)):
        expected = stream(Tokenizer(encoder), people[: min(len(left), len(right))])
        assert plain([t for t in told if t.frame_id == name]) == plain(expected)
    assert both.health.resets == 0


def test_a_burst_is_its_frames_one_by_one(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    burst = Tokenizer(encoder).update(*people)
    assert plain(burst) == plain(stream(Tokenizer(encoder), people))


def test_a_pause_longer_than_the_timeout_begins_anew(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    again = [moved(item, 60 * SECOND) for item in people]
    tokenizer = Tokenizer(encoder)
    first = stream(tokenizer, people)
    second = stream(tokenizer, again)
    assert plain(second) == plain([replace(t, stamp=t.stamp + 60 * SECOND, start=t.start + 60 * SECOND,
                                           end=t.end + 60 * SECOND) for t in first])  # fmt: skip
    assert (tokenizer.health.gaps, tokenizer.health.tracks) == (1, 2)


def test_a_short_pause_is_bridged(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    tokenizer = Tokenizer(encoder)
    told = stream(tokenizer, people[:100] + people[120:])
    assert tokenizer.health.tracks == 1
    assert [t.start for t in told] == [SECOND + 4 * n * PERIOD for n in range((len(people) - 1) // 4)]
    assert [t.stamp for t in told] == sorted(t.stamp for t in told)


@pytest.mark.parametrize("back", [1, 5 * SECOND, 10 * SECOND])
def test_a_bag_that_is_played_again_begins_anew(encoder: ConceptEncoder, back: int) -> None:
    people = list(frames(DAY))
    again = [moved(item, people[-1].stamp - people[0].stamp - back) for item in people]
    tokenizer = Tokenizer(encoder)
    first = stream(tokenizer, people)
    second = stream(tokenizer, again)
    assert [t.tokens for t in second] == [t.tokens for t in first]
    assert second[0].start == again[0].stamp
    assert tokenizer.health.resets == 1


def test_a_person_who_leaves_is_forgotten_and_begins_anew(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    away = [frame(people[-1].stamp + n * SECOND // 30, None) for n in range(1, 45)]
    tokenizer = Tokenizer(encoder)
    first = stream(tokenizer, people)
    assert tokenizer.health.live == 1
    assert stream(tokenizer, away) == []
    assert tokenizer.health.live == 0
    second = stream(tokenizer, [moved(item, away[-1].stamp) for item in people])
    assert [t.tokens for t in second] == [t.tokens for t in first]


def test_another_joint_set_begins_anew(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    coco = people[-1].stamp + SECOND // 30
    person = Skeleton("1", "coco17", np.ones((17, 3)).cumsum(0), np.ones(17, np.float32), np.zeros((0, 2)))
    tokenizer = Tokenizer(encoder)
    stream(tokenizer, people)
    tokenizer.update(SkeletonFrame(coco, "camera", (person,)))
    assert (tokenizer.health.joint_set_changes, tokenizer.health.tracks) == (1, 2)


def test_what_is_not_seen_is_survived(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    rng = np.random.default_rng(0)
    hurt = []
    for number, item in enumerate(people):
        joints = item.skeletons[0].joints.copy()
        joints[rng.random(22) < 0.1] = np.nan
        if number % 50 == 7:
            joints[:] = (np.nan, 1e300, -1e30)
        hurt.append(frame(item.stamp, joints))
    tokenizer = Tokenizer(encoder)
    told = stream(tokenizer, hurt)
    assert all(np.isfinite(t.embedding).all() and np.isfinite(t.distances).all() for t in told)
    assert len(told) == (len(people) - 1) // 4
    assert tokenizer.health.unusable >= len(people) // 50
    (clip,) = tokenize_clips(encoder, [joints_of(hurt)], 30.0)
    assert [token for t in told for token in t.tokens] == clip.tokens.tolist()


@pytest.mark.parametrize("unseen", [(0, 20), (100, 125), (100, 140), (60, 200), (280, 300), (0, 300)])
def test_clips_are_cut_where_frames_are(encoder: ConceptEncoder, unseen: tuple[int, int]) -> None:
    people = list(frames(DAY))
    for number in range(*unseen):
        people[number] = frame(people[number].stamp, np.full((22, 3), np.nan))
    told = stream(Tokenizer(encoder), people)
    other = joints_of(list(frames(DAY[1:])))
    clip, _ = tokenize_clips(encoder, [joints_of(people), other], 30.0)
    assert [token for t in told for token in t.tokens] == clip.tokens.tolist()
    assert [t.end - SECOND for t in told] == clip.ends.tolist()


def test_many_clips_are_clips_alone(encoder: ConceptEncoder) -> None:
    rng = np.random.default_rng(0)
    whole = joints_of(list(frames(DAY * 8)))
    lengths = [*range(10), *rng.integers(0, 300, 70), 600]
    clips = [whole[a : a + n] for a, n in zip(rng.integers(0, 1000, 81), lengths, strict=True)]
    found = tokenize_clips(encoder, clips, 30.0)
    for clip, tokens in zip(clips, found, strict=True):
        (alone,) = tokenize_clips(encoder, [clip], 30.0)
        assert alone.tokens.tolist() == tokens.tokens.tolist()
        assert alone.ends.tolist() == tokens.ends.tolist()
        assert len(tokens.embeddings) == len(tokens.tokens) == max(0, len(clip) - 1) // 4


def test_second_skeletons_and_repeated_frames_are_ignored(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    twice = [together(item, frame(item.stamp, pose("squat", 0.3))) for item in people]
    tokenizer = Tokenizer(encoder)
    told = [token for item in twice for _ in range(2) for token in tokenizer.update(item)]
    assert plain(told) == plain(stream(Tokenizer(encoder), people))
    assert tokenizer.health.duplicates == 2 * len(people)


def test_a_refused_frame_changes_nothing(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    octopus = replace(people[50].skeletons[0], joint_set="octopus")
    tokenizer = Tokenizer(encoder)
    told = stream(tokenizer, people[:50])
    with pytest.raises(ValueError, match="octopus"):
        tokenizer.update(replace(people[50], skeletons=(people[50].skeletons[0], octopus)))
    told += stream(tokenizer, people[50:])
    assert plain(told) == plain(stream(Tokenizer(encoder), people))


def test_memory_is_bounded(encoder: ConceptEncoder) -> None:
    tokenizer = Tokenizer(encoder)
    for number in range(3000):
        joints = pose("wave", number / 30)
        item = frame(number * SECOND // 30, joints, str(number // 10))
        tokenizer.update(replace(item, frame_id=f"camera {number // 100}"))
        assert tokenizer.health.live <= 64 * 4
    assert tokenizer.health.tracks == 300


def test_closing_forgets_everybody(encoder: ConceptEncoder) -> None:
    people = list(frames(DAY))
    tokenizer = Tokenizer(encoder)
    first = stream(tokenizer, people)
    tokenizer.close()
    assert plain(stream(tokenizer, people)) == plain(first)
    assert tokenizer.health.resets == 0


def test_recordings(encoder: ConceptEncoder, data_dir: Path) -> None:
    from motion_seg_ros.bags.sources import open_source

    source = open_source(str(data_dir / "utkinect" / "utkinect_s01_e01.npz"))
    people = [item for _, item in source if isinstance(item, SkeletonFrame)]
    told = stream(Tokenizer(encoder), people)
    assert source.fps
    (clip,) = tokenize_clips(encoder, [joints_of(people)], source.fps)
    assert [token for t in told for token in t.tokens] == clip.tokens.tolist()
    assert len(told) > 100
