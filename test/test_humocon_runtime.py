"""The encoder in ONNX Runtime: what it gives, what it got, and what it refuses with one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from concept_model import open_encoder, write_model, write_sums

from motion_seg_ros.humocon import runtime
from motion_seg_ros.humocon.contract import ModelError
from motion_seg_ros.skeleton.motion_inputs import INPUTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def motion(people: int, tokens: int) -> np.ndarray:
    return np.random.default_rng(people).normal(size=(people, 4 * tokens, INPUTS)).astype(np.float32)


def test_what_was_loaded_is_told(folder: Path) -> None:
    info = open_encoder(folder).info
    assert (info.codes, info.embedding, info.state) == (16, 8, 2 * INPUTS)
    assert len(info.codebook) == 64
    assert info.providers == ("cpu",)
    assert info.notes == ()
    assert info.training_data == "none: random weights"


def test_one_token_at_a_time_is_the_whole(folder: Path) -> None:
    """More people and more tokens than one call of the session takes, too."""
    encoder = open_encoder(folder)
    given = motion(70, 150)
    tokens, distances, embeddings, after = encoder.encode(given, encoder.state(70))
    assert tokens.shape == distances.shape == (70, 150)
    assert embeddings.shape == (70, 150, 8)
    state = encoder.state(70)
    for index in range(150):
        now, far, what, state = encoder.encode(given[:, 4 * index : 4 * index + 4], state)
        np.testing.assert_array_equal(now[:, 0], tokens[:, index])
        np.testing.assert_allclose(far[:, 0], distances[:, index], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(what[:, 0], embeddings[:, index], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(state, after, atol=1e-6)
    assert len(np.unique(tokens)) == 16


def test_tokens_are_the_nearest_codes(folder: Path) -> None:
    encoder = open_encoder(folder)
    with np.load(folder / "codebook.npz") as archive:
        codebook = archive["codebook"]
    tokens, distances, embeddings, _ = encoder.encode(motion(3, 20), encoder.state(3))
    squares = ((embeddings[:, :, None] - codebook) ** 2).sum(-1)
    np.testing.assert_array_equal(tokens, squares.argmin(-1))
    np.testing.assert_allclose(distances, squares.min(-1), rtol=1e-5, atol=1e-5)


def test_tensors_that_stay_on_the_device_give_the_same(folder: Path) -> None:
    """The road of the graphics cards, on the CPU."""
    plain, bound = open_encoder(folder), open_encoder(folder)
    bound._run = bound._bound
    given = motion(3, 150)
    for ours, theirs in zip(
        bound.encode(given, bound.state(3)), plain.encode(given, plain.state(3)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_provider_that_is_not_here_is_left_out_with_a_note(folder: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    info = open_encoder(folder, "tensorrt,CUDA, cpu").info
    assert info.providers == ("cpu",)
    assert info.notes == ("tensorrt is not in this ONNX Runtime", "cuda is not in this ONNX Runtime")


@pytest.mark.parametrize("fails", ["open", "run", "silently"])
def test_a_provider_that_fails_is_left_out_with_a_note(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: str
) -> None:
    """As a graphics card without a driver, or without memory: an ONNX Runtime that only says it has them."""
    import onnxruntime

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[list[Any]] = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, model: bytes, options: Any, providers: list[Any]) -> None:
            names = [item if isinstance(item, str) else item[0] for item in providers]
            self.broken = names[0] != runtime.CPU and fails == "run"
            asked.append(providers)
            if names[0] != runtime.CPU and fails == "open":
                raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : no driver.\nmore")
            super().__init__(model, options, providers=[runtime.CPU])

        def run(self, *given: Any, **more: Any) -> Any:
            if self.broken:
                raise RuntimeError("no driver")
            return super().run(*given, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    has = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: has)
    encoder = open_encoder(folder, "tensorrt,cuda")
    assert encoder.info.providers == ("cpu",)
    reason = "" if fails == "silently" else ": no driver"
    assert encoder.info.notes == tuple(f"{name} does not work here{reason}" for name in ("tensorrt", "cuda"))
    assert encoder.encode(motion(2, 3), encoder.state(2))[0].shape == (2, 3)
    name, options = asked[1][0]
    assert name == "TensorrtExecutionProvider"
    assert options["trt_profile_max_shapes"] == f"motion:64x256x{INPUTS},state:64x{2 * INPUTS}"
    assert Path(options["trt_engine_cache_path"]).is_dir()


def test_a_provider_that_nobody_makes_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"knows no provider 'abacus'; it knows .*cuda") as refusal:
        open_encoder(folder, "abacus")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["concepts.onnx", "codebook.npz", "SHA256SUMS"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"holds no motion concepts: .*{name}: No such file"):
        open_encoder(folder)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere holds no motion concepts"):
        open_encoder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["concepts.onnx", "codebook.npz"])
def test_a_file_that_was_cut_off(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=f"{name} is cut off or was changed"):
        open_encoder(folder)
    write_sums(folder)
    with pytest.raises(
        ModelError, match=f"{name} (cannot be read as an ONNX model|holds no codebook)"
    ) as second:
        open_encoder(folder)
    assert "\n" not in str(second.value)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 1000])
def test_a_file_that_is_no_model(folder: Path, content: bytes) -> None:
    (folder / "concepts.onnx").write_bytes(content)
    write_sums(folder)
    with pytest.raises(ModelError, match=r"concepts\.onnx (cannot be read|is not an encoder)"):
        open_encoder(folder)


@pytest.mark.parametrize("sums", ["", "nonsense", "0" * 64 + "  concepts.onnx\n", b"\xff\xfe\x00"])
def test_checksums_that_are_none(folder: Path, sums: str | bytes) -> None:
    (folder / "SHA256SUMS").write_bytes(sums if isinstance(sums, bytes) else sums.encode())
    with pytest.raises(ModelError, match="SHA256SUMS"):
        open_encoder(folder)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"format": "motion_seg_ros.text/1"}, "is of the format 'motion_seg_ros.text/1'"),
        ({"format": ""}, "is not an encoder of motion concepts"),
        ({"layout": "other/1"}, "was made for layout other/1"),
        ({"joint_set": "coco17"}, "was made for joint_set coco17"),
        ({"rate": "20.0"}, r"was made for rate 20\.0"),
        ({"frames_per_token": "8"}, "was made for frames_per_token 8"),
        (
            {"codebook": "0" * 64},
            r"codebook\.npz is the codebook [0-9a-f]{12}, but concepts\.onnx .* 000000000000",
        ),
        ({"codes": "many"}, "has many codes of 8 numbers"),
        ({"codes": "65537"}, "has 65537 codes"),
        ({"embedding": "9"}, "codes of 9 numbers"),
    ],
)
def test_a_foreign_model(tmp_path: Path, metadata: dict[str, str], says: str) -> None:
    folder = write_model(tmp_path, metadata)
    with pytest.raises(ModelError, match=says):
        open_encoder(folder)


def test_another_network(folder: Path) -> None:
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    (folder / "concepts.onnx").write_bytes(model.SerializeToString())
    write_sums(folder)
    with pytest.raises(ModelError, match="is not an encoder of motion concepts"):
        open_encoder(folder)


def test_another_codebook(folder: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", seed=1)
    (folder / "codebook.npz").write_bytes((other / "codebook.npz").read_bytes())
    write_sums(folder)
    with pytest.raises(ModelError, match=r"codebook\.npz is the codebook"):
        open_encoder(folder)


def test_no_torch(folder: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig\n"
        f"ConceptEncoder(EncoderConfig({str(folder)!r}))\n"
        "print([name for name in ('torch', 'onnx', 'onnxscript', 'tensorboard') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
