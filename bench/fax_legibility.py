"""The legibility of faxed pages: `python -m bench.fax_legibility --count 1000 --seed 20261130`.

It simulates that pages from the portal are faxed to providers and back, with random damage. It prints in how many faxes
all QR codes can still be read, so that the portal recognizes the pages."""

import argparse

from tests.support.pdf.fax_round_trips import run_round_trips


def main() -> None:
    """Run the simulation with the count and the seed of the command line, and print its result."""
    parser = argparse.ArgumentParser(description="Fax pages to and fro")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20261130)
    options = parser.parse_args()
    result = run_round_trips(options.count, options.seed)
    read = len(result.seconds) - len(result.missed)
    print(f"seed {options.seed}: {result.matched} of {result.faxes} faxes matched in full, {result.wrong} pages wrong")
    print(f"{read} of {len(result.seconds)} pages read, {result.milliseconds_a_page:.0f} ms a page on average")
    for damage in result.missed:
        print(f"  not read: {damage}")


if __name__ == "__main__":
    main()
