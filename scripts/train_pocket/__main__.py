"""`python -m scripts.train_pocket [names] [--verify]`: trains, writes the GGUF files and measures them.

Run from the repository root with the `train` dependency group; one core is enough:
`XLA_FLAGS="--xla_cpu_multi_thread_eigen=false" taskset -c 1 python -m scripts.train_pocket`.
"""

import argparse
import sys
from pathlib import Path

from scripts.train_pocket.recipe import RECIPES

PACKAGE = Path(__file__).parents[2] / "orchestrator_graph" / "pocket"


def report(line: str) -> None:
    """One line of progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Trains what is not trained, exports it, and with `--verify` only measures what is shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], help="models; all when left out")
    parser.add_argument("--checkpoints", type=Path, default=Path("build/pocket"))
    parser.add_argument("--verify", action="store_true", help="measure the shipped files; train nothing")
    arguments = parser.parse_args()
    if not arguments.verify:
        from scripts.train_pocket.export import write_gguf
        from scripts.train_pocket.train import train

        arguments.checkpoints.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or RECIPES:
            weights = train(RECIPES[name], arguments.checkpoints, report)
            path = PACKAGE / f"pocket-{name}.gguf"
            write_gguf(RECIPES[name], weights, path)
            report(f"{name}: wrote {path.stat().st_size} bytes")
    from scripts.train_pocket.measure import measure

    measure(PACKAGE, report)


if __name__ == "__main__":
    main()
