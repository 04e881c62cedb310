"""`python -m leadd.testing.ollama`: the fake by hand, or for another process."""

from __future__ import annotations

import argparse
import asyncio
import signal

from leadd.testing.ollama.catalog import DEFAULT_MODELS
from leadd.testing.ollama.profiles import NAMES
from leadd.testing.ollama.scheduler import Limits
from leadd.testing.ollama.server import FakeOllama
from leadd.testing.ollama.timing import LAPTOP, Speeds


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(prog="python -m leadd.testing.ollama", description=__doc__)
    flags.add_argument("--host", default="127.0.0.1")
    flags.add_argument("--port", type=int, default=11434, help="0 takes a free one; the address is printed")
    flags.add_argument("--profile", default="0.33+", help=f"{', '.join(NAMES)} or an exact version")
    flags.add_argument("--models", default=",".join(DEFAULT_MODELS), help="names, separated by commas")
    flags.add_argument("--load-ms", type=float, help="time to load any model (default: by size, as on a laptop)")
    flags.add_argument("--prefill-tps", type=float, default=LAPTOP.prefill_tps, help="prompt tokens a second, 0: no time")
    flags.add_argument("--decode-tps", type=float, default=LAPTOP.decode_tps, help="answer tokens a second, 0: no time")
    flags.add_argument("--slots", type=int, default=1, help="answers at a time for each model")
    flags.add_argument("--max-queue", type=int, default=512)
    flags.add_argument("--max-loaded", type=int, default=3)
    flags.add_argument("--memory-gb", type=float, help="evict models that do not fit into this")
    flags.add_argument("--time-scale", type=float, default=1.0, help="real seconds for one of the server's; 0 leaps over waits")
    flags.add_argument("--split", type=int, metavar="SEED", help="cut answers into writes at arbitrary bytes")
    flags.add_argument("--zero", action="store_true", help="nothing takes any time: for benchmarks")
    return flags


def speeds_of(args: argparse.Namespace) -> Speeds:
    """The speeds that the flags ask for."""
    if args.zero:
        return Speeds()
    per_gb = LAPTOP.load_ms_per_gb if args.load_ms is None else 0.0
    load_ms = LAPTOP.load_ms if args.load_ms is None else args.load_ms
    return Speeds(load_ms, per_gb, args.prefill_tps, args.decode_tps, LAPTOP.overhead_ms)


async def serve(args: argparse.Namespace) -> None:
    """Run until SIGINT or SIGTERM."""
    fake = FakeOllama(
        args.profile,
        host=args.host,
        port=args.port,
        models=[name.strip() for name in args.models.split(",") if name.strip()],
        speeds=speeds_of(args),
        limits=Limits(args.slots, args.max_queue, args.max_loaded, args.memory_gb),
        time_scale=args.time_scale,
        split=args.split,
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with fake:
        print(f"fake Ollama {args.profile} on {fake.url}", flush=True)
        await stopped.wait()


def main(argv: list[str] | None = None) -> None:
    """Parse the flags and serve."""
    asyncio.run(serve(parser().parse_args(argv)))


if __name__ == "__main__":
    main()
