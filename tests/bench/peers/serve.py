"""The peer's process: reads one request a line, {"task", "settings", "repeats", "threads"}, and answers each with one line.

Kept warm between requests, so that a measurement of ours and one of the peer's can take turns on a quiet machine.
"""

import json
import sys

import torch

from tasks import makers, timed


def main():
    torch.manual_seed(1)
    print(json.dumps({"version": torch.__version__, "capability": capability()}), flush=True)
    ready = {}
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        key = json.dumps([request["task"], request["settings"]], sort_keys=True)
        if key not in ready:
            ready[key] = makers[request["task"]](**request["settings"])
        print(json.dumps({"seconds": timed(request["repeats"], ready[key])}), flush=True)


def capability():
    for line in torch.__config__.show().splitlines():
        if "CPU capability" in line:
            return line.split(":")[-1].strip(" -")
    return "unknown"


if __name__ == "__main__":
    main()
