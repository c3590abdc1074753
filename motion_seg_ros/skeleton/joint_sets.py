"""Named joints of the common skeletons, and their mapping to the 22 body joints of SMPL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class JointSet:
    """Names and structure of one kind of skeleton.

    Attributes
    ----------
    name : key in :data:`JOINT_SETS`.
    joints : names, in the order of the arrays.
    bones : pairs of indices (nearer to the pelvis first) that are drawn as lines.
    pairs : (left, right) indices of the joints that mirror each other.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]

    def index(self, joint: str) -> int:
        """Position of a named joint; ValueError for a name this set does not have."""
        return self.joints.index(joint)


def _joint_set(name: str, joints: str, bones: str) -> JointSet:
    """Build a set from words; a bone is written ``a-b``, and ``*`` stands for left and right in turn."""
    names = tuple(joints.split())
    sides = [bone.replace("*", side) for bone in bones.split() for side in ("left", "right")]
    ends = [tuple(names.index(end) for end in bone.split("-")) for bone in dict.fromkeys(sides)]
    pairs = [(i, names.index(n.replace("left", "right"))) for i, n in enumerate(names) if "left" in n]
    return JointSet(name, names, tuple((a, b) for a, b in ends), tuple(pairs))


_TRUNK = "left_hip-right_hip left_shoulder-right_shoulder *_hip-*_shoulder "
_LIMBS = "*_hip-*_knee *_knee-*_ankle *_shoulder-*_elbow *_elbow-*_wrist "

JOINT_SETS: dict[str, JointSet] = {
    item.name: item
    for item in (
        _joint_set(
            "blazepose33",
            "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer "
            "left_ear right_ear mouth_left mouth_right left_shoulder right_shoulder left_elbow "
            "right_elbow left_wrist right_wrist left_pinky right_pinky left_index right_index left_thumb "
            "right_thumb left_hip right_hip left_knee right_knee left_ankle right_ankle left_heel "
            "right_heel left_foot_index right_foot_index",
            _TRUNK + _LIMBS + "nose-*_eye_inner *_eye_inner-*_eye *_eye-*_eye_outer *_eye_outer-*_ear "
            "mouth_left-mouth_right *_wrist-*_pinky *_wrist-*_index *_wrist-*_thumb *_pinky-*_index "
            "*_ankle-*_heel *_heel-*_foot_index *_ankle-*_foot_index",
        ),
        _joint_set(
            "smpl22",
            "pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 "
            "left_foot right_foot neck left_collar right_collar head left_shoulder right_shoulder "
            "left_elbow right_elbow left_wrist right_wrist",
            "pelvis-*_hip " + _LIMBS + "*_ankle-*_foot pelvis-spine1 spine1-spine2 spine2-spine3 "
            "spine3-neck neck-head spine3-*_collar *_collar-*_shoulder",
        ),
        _joint_set(
            "coco17",
            "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
            "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
            "right_ankle",
            _TRUNK + _LIMBS + "nose-*_eye *_eye-*_ear",
        ),
    )
}

SMPL22 = JOINT_SETS["smpl22"]

# Three habits of naming occur in the wild. Each table gives, for a joint of SMPL, the words that stand
# for it, best first, without the side.
_SCHEMES: tuple[dict[str, tuple[str, ...]], ...] = (
    # Joints by their own names: SMPL, COCO, BlazePose, OpenPose, Kinect, Human3.6M, classic BVH.
    {
        "pelvis": ("pelvis", "hipcenter", "spinebase", "midhip", "hips", "hip", "root"),
        "hip": ("hip",),
        "knee": ("knee",),
        "ankle": ("ankle",),
        "foot": ("foot", "footindex", "toebase", "bigtoe", "toes", "toe"),
        "collar": ("collar", "clavicle"),
        "shoulder": ("shoulder",),
        "elbow": ("elbow",),
        "wrist": ("wrist",),
        "neck": ("neck", "shouldercenter", "spineshoulder", "thorax"),
        "head": ("head",),
    },
    # A bone's name at the bone's start: Mixamo, Bandai-Namco, LaFAN, Unity, Unreal, Daz and most BVH.
    {
        "pelvis": ("hips", "pelvis", "hip", "root"),
        "hip": ("upleg", "upperleg", "thigh"),
        "knee": ("leg", "lowerleg", "shin", "calf"),
        "ankle": ("foot",),
        "foot": ("toebase", "toes", "toe", "ball"),
        "collar": ("shoulder", "collar", "clavicle"),
        "shoulder": ("arm", "upperarm", "shldr"),
        "elbow": ("forearm", "lowerarm"),
        "wrist": ("hand",),
        "neck": ("neck", "neck1"),
        "head": ("head",),
    },
    # A bone's name at the bone's end: the CMU recordings in ASF/AMC. The forearm is "radius" and "wrist" in
    # one line there, and "head" ends at the crown, so SMPL's wrist and head are "wrist" and "upperneck".
    {
        "pelvis": ("root",),
        "hip": ("hipjoint",),
        "knee": ("femur",),
        "ankle": ("tibia",),
        "foot": ("foot",),
        "shoulder": ("clavicle",),
        "elbow": ("humerus",),
        "wrist": ("wrist",),
        "neck": ("lowerneck",),
        "head": ("upperneck",),
    },
)

# Spine joints from the pelvis upwards; a skeleton has some of them.
_SPINE = (
    *("lowerback", "abdomen", "spine", "spinemid", "spine1", "spine2", "spine3", "spine4"),
    *("upperback", "chest", "chest2", "chest3", "chest4", "upperchest", "thorax"),
)

# What a skeleton does not have is put together from what it has. The fractions along the trunk are about
# those of the SMPL template; a convention, not a measurement of the person.
_DERIVED: dict[str, tuple[tuple[str, float], ...]] = {
    "pelvis": (("left_hip", 0.5), ("right_hip", 0.5)),
    "neck": (("left_shoulder", 0.5), ("right_shoulder", 0.5)),
    "spine1": (("pelvis", 0.8), ("neck", 0.2)),
    "spine2": (("pelvis", 0.5), ("neck", 0.5)),
    "spine3": (("pelvis", 0.4), ("neck", 0.6)),
    "left_collar": (("neck", 0.5), ("left_shoulder", 0.5)),
    "right_collar": (("neck", 0.5), ("right_shoulder", 0.5)),
}

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
# CMU writes the side as a first letter without a mark ("lfemur", but also "lowerback" and "root").
_UNMARKED = re.compile(r"([lr])(hipjoint|femur|tibia|foot|toes|clavicle|humerus|radius|wrist|hand)")


def to_smpl22(
    joints: ArrayLike, confidence: ArrayLike, joint_set: str
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The 22 body joints of SMPL from the joints of any set of :data:`JOINT_SETS`.

    A joint that the set lacks is derived: the pelvis is the middle of the hips, the neck the middle of the
    shoulders, the spine lies between the two, a collar halfway from neck to shoulder, the head between the
    ears; the foot is the toe. A derived joint is NaN when one of its own sources is, and its confidence is
    the least of theirs; nothing else suffers. What cannot be derived (the feet of coco17) is NaN with
    confidence 0.

    Parameters
    ----------
    joints : (..., J, 3), any unit and axes.
    confidence : (..., J), 0..1.
    joint_set : key of :data:`JOINT_SETS`.

    Returns
    -------
    joints (..., 22, 3) float64 and confidence (..., 22) float32, never NaN (a NaN joint has 0).

    Raises
    ------
    ValueError : unknown joint set, or arrays whose shapes do not fit it.
    """
    if joint_set not in JOINT_SETS:
        raise ValueError(f"unknown joint set {joint_set!r}: known are {', '.join(JOINT_SETS)}")
    points, trust = np.asarray(joints, np.float64), np.asarray(confidence, np.float32)
    count = len(JOINT_SETS[joint_set].joints)
    if points.shape[-2:] != (count, 3) or trust.shape != points.shape[:-1]:
        raise ValueError(
            f"{joint_set} needs joints (..., {count}, 3) and confidence (..., {count}), "
            f"not {points.shape} and {trust.shape}"
        )
    if joint_set == "smpl22":
        mapped, score = points.copy(), trust.copy()
    else:
        source, weight = _plan(JOINT_SETS[joint_set].joints)
        mapped = _combine(points, source, weight)
        score = trust[..., source].min(-1)
    return mapped, np.where(np.isfinite(mapped).all(-1) & (score > 0), score, 0).astype(np.float32)


def joints_by_name(joint_names: Sequence[str], joints: ArrayLike) -> NDArray[np.float64]:
    """The 22 body joints of SMPL from a skeleton that is known only by the names of its joints.

    Understands the habits of SMPL, COCO, BlazePose, OpenPose, Kinect v1 and v2, Human3.6M, CMU (ASF and
    BVH), Mixamo, Bandai-Namco, Unity, Unreal and Daz, with or without a prefix ("mixamorig:Hips"). What the
    skeleton lacks is derived as in :func:`to_smpl22`, and NaN where that is impossible.

    Parameters
    ----------
    joint_names : J names.
    joints : (..., J, 3), any unit and axes.

    Raises
    ------
    ValueError : the shapes do not fit, or hips, knees and shoulders are not all among the names.
    """
    names, points = tuple(str(name) for name in joint_names), np.asarray(joints, np.float64)
    if points.shape[-2:] != (len(names), 3):
        raise ValueError(f"{len(names)} joint names need joints (..., {len(names)}, 3), not {points.shape}")
    return _combine(points, *_plan(names))


def _combine(
    points: NDArray[np.float64], source: NDArray[np.intp], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted sums over the sources, one source after the other to hold no more than two results."""
    total = points[..., source[:, 0], :] * weight[:, 0, None]
    for column in range(1, source.shape[1]):
        total += points[..., source[:, column], :] * weight[:, column, None]
    return total


@lru_cache(maxsize=32)
def _plan(names: tuple[str, ...]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Up to 4 source joints (22, 4) of each joint of SMPL and their weights, NaN if there are none."""
    found = _recognise(names)
    source, weight = np.zeros((22, 4), np.intp), np.zeros((22, 4))
    for row, joint in enumerate(SMPL22.joints):
        parts = _sources(joint, found) or [(0, np.nan)]
        # Places left over repeat a real source with weight 0: any other joint would spread its NaN.
        source[row] = parts[0][0]
        for column, (index, share) in enumerate(parts):
            source[row, column], weight[row, column] = index, share
    source.setflags(write=False)
    weight.setflags(write=False)
    return source, weight


def _sources(joint: str, found: dict[str, tuple[int, ...]]) -> list[tuple[int, float]]:
    """Source joints and weights of one joint of SMPL, derived where need be; empty if that is impossible."""
    if joint in found:
        return [(index, 1 / len(found[joint])) for index in found[joint]]
    total: dict[int, float] = {}
    for part, share in _DERIVED.get(joint, ()):
        inner = _sources(part, found)
        if not inner:
            return []
        for index, weight in inner:
            total[index] = total.get(index, 0.0) + share * weight
    return list(total.items())


def _recognise(names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Which given joints are which joints of SMPL, by the habit of naming that explains most of them."""
    keys: dict[str, int] = {}
    for position, name in enumerate(names):
        keys.setdefault(_key(name), position)
    best: dict[str, tuple[int, ...]] = max((_match(scheme, keys) for scheme in _SCHEMES), key=len)
    needed = [f"{side}_{part}" for part in ("hip", "knee", "shoulder") for side in ("left", "right")]
    if missing := [joint for joint in needed if joint not in best]:
        raise ValueError(f"no {', '.join(missing)} among the joint names {', '.join(names)}")
    if "head" not in best and "left ear" in keys and "right ear" in keys:
        best["head"] = (keys["left ear"], keys["right ear"])
    spine = [keys[word] for word in _SPINE if word in keys and (keys[word],) not in best.values()]
    if len(spine) == 1:
        # A lone "spine" is Kinect's, a hand above the hips; any other one is in the middle of the trunk.
        best["spine1" if spine[0] == keys.get("spine") else "spine2"] = (spine[0],)
    elif spine:
        best["spine1"], best["spine3"] = (spine[0],), (spine[-1],)
        if len(spine) > 2:
            best["spine2"] = (spine[len(spine) // 2],)
    return best


def _match(scheme: dict[str, tuple[str, ...]], keys: dict[str, int]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for part, words in scheme.items():
        for side in ("",) if part in SMPL22.joints else ("left", "right"):
            for word in words:
                if (position := keys.get(f"{side} {word}".strip())) is not None:
                    found[f"{side}_{part}".strip("_")] = (position,)
                    break
    return found


def _key(name: str) -> str:
    """One spelling for a joint's name: "mixamorig:LeftUpLeg" and "upleg_l" both become "left upleg"."""
    name = name.rsplit(":", 1)[-1]
    if unmarked := _UNMARKED.fullmatch(name):
        name = f"{unmarked[1]}_{unmarked[2]}"
    words = [word.lower() for word in _WORDS.findall(name)]
    side = next((_SIDES[word] for word in words if word in _SIDES), "")
    rest = "".join(str(int(word)) if word.isdigit() else word for word in words if word not in _SIDES)
    return f"{side} {rest}".strip()
