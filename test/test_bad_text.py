"""Settings, labels and calibrations as text that is damaged, that lies, or is something else."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from bad_input import damaged_text, examples, result_or_sentence, with_other_values
from hypothesis import given
from hypothesis import strategies as st

from motion_seg_ros.datasets.annotations import read_annotations
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.grounding import calibration as of_grounding
from motion_seg_ros.grounding import text_config
from motion_seg_ros.grounding.partition import ReplyError, check_reply
from motion_seg_ros.humocon import configuration
from motion_seg_ros.parameter_file import ParameterError, read_parameters
from motion_seg_ros.semantics.calibration import SHIPPED, load_calibrations
from motion_seg_ros.settings_file import load_settings

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    configuration.TrainingConfig: configuration.CONFIGS / "concepts.yaml",
    text_config.TextTrainingConfig: text_config.CONFIGS / "text_bandai.yaml",
}
PARAMETERS = (ROOT / "config" / "motion_seg.yaml").read_text()
LABELS = {
    ".csv": "start,end,label,track_id\n0.0,1.5,walk,1\n1.5,2.0,wave,1\n",
    ".json": json.dumps([{"start": 0.0, "end": 1.5, "label": "walk"}]),
    ".eaf": """<ANNOTATION_DOCUMENT> <HEADER TIME_UNITS="milliseconds"/>
<TIME_ORDER> <TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="0"/> <TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="900"/>
</TIME_ORDER> <TIER TIER_ID="labels"> <ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="x" TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">
<ANNOTATION_VALUE>walk</ANNOTATION_VALUE> </ALIGNABLE_ANNOTATION> </ANNOTATION> </TIER>
</ANNOTATION_DOCUMENT>""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@examples(60)
@given(st.data(), st.sampled_from(list(CONFIGS)))
def test_training_configurations(folder: Path, data: st.DataObject, kind: type) -> None:
    path = folder / "training.yaml"
    text = CONFIGS[kind].read_text()
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(damaged_text(text)))
    else:
        path.write_text(json.dumps(data.draw(with_other_values(yaml.safe_load(text)))))
    result_or_sentence(lambda: load_settings(kind, path), ValueError)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: *a}",
        "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{m}, *{m}]\n" for m, n in pairwise("abcdefghi")),
        "x: !!int ''",
        "x: !!timestamp soon",
        "x: 2001-99-99",
        "x: " + "9" * 5000,
        "[" * 5000,
    ],
    ids=["itself", "laughs", "no int", "no time", "no date", "digits", "deep"],
)
def test_what_yaml_can_do_besides(folder: Path, text: str) -> None:
    path = folder / "a.yaml"
    path.write_text(text)
    assert result_or_sentence(lambda: read_parameters(path, "tvsh_node"), ParameterError) is None


@examples(60)
@given(damaged_text(PARAMETERS))
def test_parameter_files(folder: Path, content: bytes) -> None:
    path = folder / "parameters.yaml"
    path.write_bytes(content)
    result_or_sentence(lambda: read_parameters(path, "tvsh_node"), ParameterError)


@pytest.mark.parametrize("suffix", LABELS)
def test_labels(folder: Path, suffix: str) -> None:
    path = folder / f"labels{suffix}"
    path.write_text(LABELS[suffix])
    assert read_annotations(path).spans

    @examples(60)
    @given(damaged_text(LABELS[suffix]))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        result_or_sentence(lambda: read_annotations(path), DatasetError)

    check()


def test_calibrations(folder: Path) -> None:
    shipped = Path(of_grounding.__file__).parent / "weights" / "calibration.json"
    encoder = json.loads(shipped.read_text())["encoder"]
    readers = {
        shipped: lambda path: of_grounding.load_calibration(path, encoder),
        ROOT / "motion_seg_ros" / "semantics" / SHIPPED: load_calibrations,
    }
    path = folder / "calibration.json"

    @examples(60)
    @given(st.data(), st.sampled_from(list(readers)))
    def check(data: st.DataObject, good: Path) -> None:
        path.write_text(json.dumps(data.draw(with_other_values(json.loads(good.read_text())))))
        result_or_sentence(lambda: readers[good](path), ValueError)

    check()


@examples(100)
@given(damaged_text('{"actions": ["walks forward", "waves"]}'))
def test_answers_of_a_language_model(content: bytes) -> None:
    reply = content.decode(errors="replace")
    result_or_sentence(lambda: check_reply(reply, "he walks forward and waves"), ReplyError)
