"""The core as the nodes run it, in one process without ROS: who makes it of a parameter file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.bags.items import Source
from motion_seg_ros.humocon.features import concept_features
from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig, has_weights
from motion_seg_ros.humocon.streaming import Tokenizer, TokenizerConfig
from motion_seg_ros.oracles import encoder_backend
from motion_seg_ros.parameter_file import configure, read_parameters
from motion_seg_ros.replay import Pose
from motion_seg_ros.semantics.backends import OracleSettings, open_oracle
from motion_seg_ros.semantics.oracle import Oracle
from motion_seg_ros.semantics.pictures import Pictures
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent
from motion_seg_ros.tvsh.transcriber import Transcriber, TranscriberConfig

# Whose parameters the core takes.
NODES = ("pose_node", "tvsh_node", "humocon_node")

Parameters = Mapping[str, dict[str, Any]]
"""What each node of :data:`NODES` is told; a node that is told nothing has an empty mapping."""


class Core:
    """Skeletons to events that carry motion concepts, with the oracle that is asked about them.

    Attributes
    ----------
    transcriber, tokenizer, oracle : what it is made of; the last two may be None.
    notes : what is less than was asked for, a sentence each.
    """

    def __init__(
        self, transcriber: Transcriber, tokenizer: Tokenizer | None, oracle: Oracle | None, notes: list[str]
    ) -> None:
        self.transcriber, self.tokenizer, self.oracle, self.notes = transcriber, tokenizer, oracle, notes

    def find_concepts(self, frame: SkeletonFrame) -> None:
        """Let the transcriber know the motion concepts that are complete with this frame."""
        for told in self.tokenizer.update(frame) if self.tokenizer else ():
            self.transcriber.note_tokens(
                told.frame_id, told.track_id, told.start, told.end, told.tokens, told.codebook
            )

    def update(self, frame: SkeletonFrame) -> list[SegmentEvent]:
        """What is new with this frame."""
        self.find_concepts(frame)
        return self.transcriber.update(frame)

    def watch(self, pose: Pose) -> Pose:
        """The same pose pipeline; who is asked about motions sees its images, if images are asked for."""
        pictures = self.oracle.pictures if self.oracle else None
        return _Watched(pose, pictures) if pictures else pose

    def close(self) -> list[SegmentEvent]:
        """End everything that is open, and let go of the oracle."""
        events = self.transcriber.close()
        if self.oracle is not None:
            self.oracle.close()
        return events


class _Watched:
    """A pose pipeline whose images are looked at."""

    def __init__(self, pose: Pose, pictures: Pictures) -> None:
        self._pose, self._pictures = pose, pictures

    def process(self, rgb: NDArray[np.uint8], stamp: int, frame_id: str) -> SkeletonFrame:
        frame = self._pose.process(rgb, stamp, frame_id)
        if self._pictures.due(stamp):
            self._pictures.look(frame, rgb)
        return frame


def node_parameters(config: Path | None) -> Parameters:
    """What a ROS parameter file says to each node of the core; nothing without a file.

    Raises
    ------
    ParameterError : the file cannot be used.
    """
    return {node: read_parameters(config, node) if config else {} for node in NODES}


def open_core(parameters: Parameters) -> Core:
    """The core with these parameters.

    Its oracle is asked in the time of the recording, however fast that goes by, so that the same frames give
    the same events.

    Raises
    ------
    ValueError, OSError : a value or a file that cannot be used.
    """
    config = configure(TranscriberConfig, parameters["tvsh_node"])
    asking = replace(configure(OracleSettings, parameters["tvsh_node"]), exact=True)
    oracle, note = open_oracle(asking, config.deadline, encoder_backend)
    notes = [note] if note else []
    observe = None
    if config.features == "concepts":
        observe = concept_features(configure(EncoderConfig, parameters["tvsh_node"]))
    transcriber = Transcriber(config, oracle, observe)
    tokenizer = None
    concepts = configure(EncoderConfig, parameters["humocon_node"])
    if config.concept_tokens and has_weights(concepts):
        encoder = ConceptEncoder(concepts)
        notes += encoder.info.notes
        tokenizer = Tokenizer(encoder, configure(TokenizerConfig, parameters["humocon_node"]))
    return Core(transcriber, tokenizer, oracle, notes)


@contextmanager
def pose_pipeline(source: Source, model: str | None, parameters: Mapping[str, Any]) -> Iterator[Any]:
    """The pose pipeline if the source has images, else None; ``model`` goes before the parameter."""
    if not source.has_images:
        yield None
        return
    from motion_seg_ros.pose.pipeline import PoseConfig, PosePipeline

    pipeline = PosePipeline(configure(PoseConfig, {**parameters, **({"model": model} if model else {})}))
    try:
        yield pipeline
    finally:
        pipeline.close()
