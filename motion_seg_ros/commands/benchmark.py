"""motion-seg benchmark: TVSH and other methods on labelled recordings."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from motion_seg_ros.commands.terminal import OK

if TYPE_CHECKING:
    from motion_seg_ros.commands.terminal import Commands


def add(commands: Commands) -> None:
    """Add the parser."""
    benchmark = commands.add_parser("benchmark", help="score TVSH and other methods on labelled recordings")
    benchmark.add_argument(
        "data", type=Path, metavar="DATA_DIR", help="folder of .npz files, or of such folders"
    )
    benchmark.add_argument(
        "--mode", choices=("batch", "stream"), default="stream", help="(default %(default)s)"
    )
    benchmark.add_argument(
        "--clusters",
        choices=("known", "unknown"),
        default="unknown",
        help="whether the number of motions is given (default %(default)s)",
    )
    benchmark.add_argument(
        "--links",
        default="kinematic",
        help="none, kinematic (jumps), encoder or kinematic-oracle (jumps, and answers of tvsh_node's oracle "
        "with that backend) or simulated:EVERY,ERR[,LATENCY_S[-SLOWEST_S]] (default %(default)s)",
    )
    benchmark.add_argument(
        "--lag",
        type=float,
        default=0.0,
        help="seconds until a stream's labels are final (default: as tvsh_node)",
    )
    benchmark.add_argument(
        "--method",
        default="tvsh",
        help="tvsh; a peer: equal-pieces, tsc, self-expressive, spectral, ward, ruptures, window-statistics, "
        "nearest-centroid, clasp or floss; or all that can be run so (default %(default)s)",
    )
    benchmark.add_argument(
        "--features",
        choices=("skeleton", "concepts"),
        default="skeleton",
        help="what skeletons become: pose and speeds, or the encoded motion of a concept model "
        "(default %(default)s)",
    )
    benchmark.add_argument(
        "--weights", default="", metavar="DIR", help="folder of that model (default: the one shipped)"
    )
    benchmark.add_argument("--out", type=Path, required=True, help="folder for summary.json and the labels")
    benchmark.add_argument("--jobs", type=int, default=1, help="processes (default %(default)s)")
    benchmark.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # One thread, for times that mean something; numpy reads this when it is first imported.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    from tqdm import tqdm

    from motion_seg_ros.evaluation.benchmark import run_benchmark
    from motion_seg_ros.evaluation.benchmark_config import BenchmarkConfig
    from motion_seg_ros.evaluation.benchmark_sheet import table

    if options.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {options.jobs}")
    config = BenchmarkConfig(
        options.mode,
        options.clusters,
        options.links,
        options.method,
        options.features,
        options.weights,
        options.lag,
    )
    with tqdm(unit=" runs", file=sys.stderr, disable=None, leave=False) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        sheets, notes = run_benchmark(options.data, config, options.out, options.jobs, tell)
    for note in notes:
        print(f"motion-seg: {note}", file=sys.stderr)
    print(table(config, sheets))
    print(f"wrote {options.out / 'summary.json'}")
    return OK
