"""motion-seg oracle: how good a backend is at "same motion?", and the calibration of the default one."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motion_seg_ros.commands.terminal import OK

if TYPE_CHECKING:
    from motion_seg_ros.commands.terminal import Commands
    from motion_seg_ros.semantics.asking import AskingConfig
    from motion_seg_ros.semantics.encoder import Embedding, MotionEncoder
    from motion_seg_ros.semantics.protocol import Backend

# As motion_seg_ros.semantics.backends has them; importing that is not for --help.
BACKENDS = ("encoder", "kinematic", "openai", "llama_cpp")


def add(commands: Commands) -> None:
    """Add the parsers."""
    oracle = commands.add_parser("oracle", help='measure or calibrate a backend for "same motion?"')
    actions = oracle.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="AUC, calibration error, latency and cost on labelled motion")
    check.add_argument(
        "data", type=Path, metavar="DATA", help="labelled .npz, clips with action, or a folder"
    )
    check.add_argument("--backend", choices=BACKENDS, default="encoder", help="(default %(default)s)")
    check.add_argument("--pairs", type=int, default=400, help="how many pairs (default %(default)s)")
    check.add_argument(
        "--window", type=float, default=2.0, help="seconds of each moment of a track (default %(default)s)"
    )
    check.add_argument(
        "--gap", type=float, default=math.inf, help="most seconds between two moments (default: any number)"
    )
    check.add_argument("--calibration", type=Path, help="file of `oracle fit` instead of the package's")
    check.add_argument(
        "--config", type=Path, help="ROS parameter file whose tvsh_node section sets up the backend"
    )
    check.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="p_same and same")
    check.set_defaults(run=_check)
    fit = actions.add_parser("fit", help="fit the calibration of the encoder backend")
    fit.add_argument("data", type=Path, nargs="*", metavar="DATA", help="as of check; each weighs the same")
    fit.add_argument(
        "--synthetic", type=int, default=0, metavar="N", help="made-up recordings of 40 s to add, as one more"
    )
    fit.add_argument("--pairs", type=int, default=2400, help="pairs of each DATA (default %(default)s)")
    fit.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    fit.set_defaults(run=_fit)
    for action in (check, fit):
        action.add_argument("--concepts", type=Path, help="folder of a concept encoder to compare with, too")
        action.add_argument("--seed", type=int, default=0, help="(default %(default)s)")


def _check(options: argparse.Namespace) -> int:
    from motion_seg_ros.evaluation.oracle_check import check_backend, write_check
    from motion_seg_ros.evaluation.oracle_pairs import draw_pairs, load_sources

    if options.pairs < 2 or not 0.1 <= options.window <= 60.0:
        raise ValueError("at least 2 pairs are needed, and windows of 0.1 to 60 s")
    if options.out.suffix != ".npz":
        raise ValueError(f"--out must end in .npz, not {options.out}")
    sources, notes = load_sources(options.data)
    pairs = draw_pairs(sources, options.pairs, options.window, options.seed, options.gap)
    backend, limits = _backend(options)
    with _bar(len(pairs)) as bar:
        probability, summary = check_backend(backend, pairs, limits, bar.update)
    beside = write_check(options.out, probability, pairs, summary)
    for note in notes:
        print(f"motion-seg: {note}", file=sys.stderr)
    print(*summary.lines(), f"wrote {options.out} and {beside}", sep="\n")
    return OK


def _fit(options: argparse.Namespace) -> int:
    from motion_seg_ros.evaluation.oracle_check import fit_encoder
    from motion_seg_ros.evaluation.oracle_pairs import load_sources, made_up
    from motion_seg_ros.semantics.calibration import save_calibrations

    if options.pairs < 2 or options.synthetic < 0 or not (options.data or options.synthetic):
        raise ValueError("a calibration needs DATA or --synthetic, and at least 2 pairs")
    loaded = [load_sources(path) for path in options.data]
    sources = [source for source, _ in loaded]
    if options.synthetic:
        sources += made_up(options.synthetic, options.seed)
    names = [path.name for path in options.data] + ["made-up motion"] * bool(options.synthetic)
    encoder = _encoder(options)
    with _bar(len(sources) * options.pairs) as bar:
        found = fit_encoder(encoder, sources, options.pairs, options.seed, ", ".join(names), bar.update)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_calibrations(options.out, found)
    for note in (note for _, notes in loaded for note in notes):
        print(f"motion-seg: {note}", file=sys.stderr)
    for item in found:
        kind = "isotonic" if item.steps else "logistic"
        print(f"{', '.join(item.inputs)}: {kind}, weights {', '.join(f'{w:.3g}' for w in item.weights)}")
    print(f"wrote {options.out}")
    return OK


def _encoder(options: argparse.Namespace) -> MotionEncoder:
    from motion_seg_ros.semantics.encoder import available_encoder

    encoder, note = available_encoder(_embedding(options.concepts) if options.concepts else None)
    if note:
        print(f"motion-seg: {note}", file=sys.stderr)
    return encoder


def _embedding(weights: Path) -> Embedding:
    from motion_seg_ros.humocon.likeness import concept_embedding
    from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig

    return concept_embedding(ConceptEncoder(EncoderConfig(weights=str(weights))))


def _backend(options: argparse.Namespace) -> tuple[Backend, AskingConfig]:
    """Who is asked, and how much."""
    from motion_seg_ros.oracles import encoder_backend
    from motion_seg_ros.parameter_file import configure, read_parameters
    from motion_seg_ros.semantics.backends import LLAMA_CPP, OPENAI, OracleSettings, open_backend
    from motion_seg_ros.semantics.calibration import load_calibrations
    from motion_seg_ros.semantics.encoder import EncoderBackend

    parameters = read_parameters(options.config, "tvsh_node") if options.config else {}
    settings = replace(configure(OracleSettings, parameters), backend=options.backend)
    if options.backend == "encoder":
        backend: Backend = EncoderBackend(_encoder(options), load_calibrations(options.calibration))
    else:
        backend, note = open_backend(settings, encoder_backend)
        if note:
            raise ValueError(f"{note.partition(':')[0]}, and nothing else is measured in its place")
    if options.backend in (OPENAI, LLAMA_CPP):
        return backend, settings
    # Nobody pays for these, and one that fails on a moment fails on no other for it.
    return backend, replace(settings, per_second=1000, per_hour=1_000_000, retries=0, failures=100)


def _bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit=" pairs", file=sys.stderr, disable=None, leave=False)
