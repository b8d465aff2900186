"""`make bench`: figures and ratios, printed; nothing here passes or fails."""

import os
import time

from bench import calls, cold, largest, login, pages, scale, sealing
from infrastructure.progress import Progress
from tests.support.stack import packaged, running_stack


def main() -> None:
    with running_stack(packaged(Progress(time.time())), "bench") as stack:
        os.environ.update(calls.environment(stack))
        cold.run(dict(os.environ))
        login.run()
        sealing.run(dict(os.environ))
        largest.run(os.environ)
        pages.run(stack)
        scale.run(stack)


if __name__ == "__main__":
    main()
