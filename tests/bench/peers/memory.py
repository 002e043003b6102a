"""Peak resident memory of some training steps above what the process held after its imports, in bytes, on one line.

Usage: memory.py '{"shape": …, "rows": 16, "columns": 128}' threads
"""

import json
import resource
import sys

import torch

from tasks import train_step


def resident(field):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def forget_peak():
    """Linux: the peak counts from now on. Elsewhere ru_maxrss of the whole process has to do."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return resident("VmRSS"), lambda: resident("VmHWM")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return peak(), peak


torch.set_num_threads(int(sys.argv[2]))
# The first backward pass starts autograd's own thread, which is no part of a step.
torch.ones(1, requires_grad=True).sum().backward()
before, peak = forget_peak()
step = train_step(**json.loads(sys.argv[1]))
for _ in range(3):
    step()
print(json.dumps({"bytes": peak() - before}))
