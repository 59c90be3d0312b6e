"""Times lzn-eval beside what people use: FID by numpy and scipy's sqrtm, PRDC by the package prdc.

    cargo build --release -p lzn-eval --example metrics_speed
    python crates/lzn-eval/benches/distribution_rivals.py target/release/examples/metrics_speed fid 50000 2048
    python crates/lzn-eval/benches/distribution_rivals.py target/release/examples/metrics_speed prdc 10000 2048

Needs numpy, scipy below 1.18, and prdc with scikit-learn. Both sides get the same features and as many threads (2, or --threads), run
in processes of their own, in turn and --rounds times, and read their files before the clock starts. A round of the rival takes
minutes. The values have to agree.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time


def fid(real, generated):
    """The Frechet distance as pytorch-fid and clean-fid compute it, without their retry for singular products."""
    import numpy
    import scipy.linalg

    means, covariances = zip(*((x.mean(axis=0, dtype="float64"), numpy.cov(x, rowvar=False)) for x in (real, generated)))
    root = scipy.linalg.sqrtm(covariances[0].dot(covariances[1]))
    apart = means[0] - means[1]
    return [float(apart @ apart + sum(c.trace() for c in covariances) - 2.0 * root.trace().real)]


def prdc(real, generated):
    from prdc import compute_prdc

    found = compute_prdc(real, generated, nearest_k=5)
    return [float(found[key]) for key in ("precision", "recall", "density", "coverage")]


def rival(metric, folder):
    """One run in this process; prints one line of JSON, as the other side does."""
    import numpy

    real, generated = (numpy.load(os.path.join(folder, name + ".npy")) for name in ("real", "generated"))
    # What is imported at first use is not part of a run.
    {"fid": fid, "prdc": prdc}[metric](real[:16, :4], generated[:16, :4])
    with open(os.devnull, "w") as nothing:
        output, sys.stdout = sys.stdout, nothing
        start = time.perf_counter()
        values = {"fid": fid, "prdc": prdc}[metric](real, generated)
        seconds = time.perf_counter() - start
        sys.stdout = output
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"values": values, "seconds": seconds, "peak": peak}))


def measure(command, threads):
    names = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **{name: str(threads) for name in names}}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def agree(metric, ours, theirs):
    """FID to six digits; shares to one row in a thousand, since a library that compares roots can decide ties otherwise."""
    limit = 1e-6 if metric == "fid" else 1e-3
    return all(abs(a - b) <= limit * max(1.0, abs(b)) for a, b in zip(ours, theirs))


def compare(options):
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        subprocess.run([options.program, "make", folder, str(options.rows), str(options.dimension)], check=True)
        commands = {
            "lzn-eval": [options.program, options.metric, folder],
            "rival": [sys.executable, __file__, "--run", options.metric, folder],
        }
        runs = {name: [] for name in commands}
        for number in range(options.rounds):
            for name, command in commands.items():
                found = measure(command, options.threads)
                runs[name].append(found)
                print(f"round {number + 1}  {name:8}  {found['seconds']:8.2f} s  peak {found['peak'] / 1e6:6.0f} MB  {found['values']}")
                sys.stdout.flush()
    ours, theirs = (statistics.median(run["seconds"] for run in runs[name]) for name in commands)
    values = [runs[name][0]["values"] for name in commands]
    print(f"median   {ours:.2f} s against {theirs:.2f} s: {theirs / ours:.1f} times as fast")
    if not agree(options.metric, *values):
        sys.exit(f"the values differ: {values}")


def main():
    if sys.argv[1:2] == ["--run"]:
        return rival(*sys.argv[2:4])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the example metrics_speed, built for release")
    parser.add_argument("metric", choices=["fid", "prdc"])
    parser.add_argument("rows", type=int)
    parser.add_argument("dimension", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where the features are put for the time; 8 ROWS DIMENSION bytes")
    compare(parser.parse_args())


if __name__ == "__main__":
    main()
