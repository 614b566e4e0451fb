"""python -m tests.differential [operations] [first seed]"""

import asyncio
import sys
import warnings

from tests.differential.compare import Trial

SHOWN = 3


async def main(operations: int, seed: int) -> int:
    trial = Trial()
    while trial.tally["operations"] < operations:
        await trial.seed(seed)
        seed += 1
    for difference in trial.differences[:SHOWN]:
        print(f"=== {difference}\n")  # noqa: T201
    print(dict(trial.tally), "DIFFERENCES:", len(trial.differences))  # noqa: T201
    return len(trial.differences)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "coroutine", RuntimeWarning)  # graphql-core leaves siblings of errors unawaited
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(asyncio.run(main(*(numbers + [3000, 0][len(numbers) :]))) > 0)
