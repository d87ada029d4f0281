"""`python -m benchmarks.rate`: this machine's rate, to stand beside any time that is told."""

import sys

import torch

from benchmarks.measure import describe_machine, multiplication_rate


def main() -> None:
    """Print the rate of float32 products, in one process with all its threads."""
    device = torch.device("cpu")
    machine = describe_machine(device)
    rate = multiplication_rate(device) / 1e9
    sys.stdout.write(
        f"{rate:.0f} GFLOP/s in float32 products, {machine['threads']} threads of "
        f"{machine['processor']}\n"
    )


if __name__ == "__main__":
    main()
