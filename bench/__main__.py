"""The command `make bench`, which prints figures of speed and cost. A figure over its limit is marked, but nothing
fails."""

import os
import time


def main() -> None:
    """Deploy the portal to a local AWS, and run every part of the benchmark against it."""
    # The app's loggers read this variable once, when their modules are imported.
    os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"
    from bench import calls, cold, fax_webhook, largest, login, pages, scale, seal_calls, sealing
    from infrastructure.progress import Progress
    from tests.support.stack import package_once, running_stack

    with running_stack(package_once(Progress(time.time())), "bench") as stack:
        os.environ.update(calls.environment(stack))
        cold.run(dict(os.environ))
        fax_webhook.run(dict(os.environ))
        login.run()
        sealing.run(dict(os.environ))
        seal_calls.run()
        largest.run(os.environ)
        pages.run(stack)
        scale.run(stack)


if __name__ == "__main__":
    main()
