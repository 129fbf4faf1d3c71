#!/usr/bin/python3
"""Writes PyTorch files for TorchFilesTest: the small committed ones, or a whole torchvision model.

    make_torch_files.py small FOLDER          the files that are committed beside this script, but for
    make_torch_files.py checkpoints FOLDER    those of checkpoints with more in them than weights
    make_torch_files.py resnet18 FOLDER       resnet18.pth, resnet18-legacy.pth and, written here
                                              byte by byte, resnet18.safetensors with the same values

Element i (row-major) of every small tensor is 0.25 i - 3, so that a test needs no expected values.
"""
import argparse
import collections
import datetime
import enum
import json
import os
import pathlib
import struct
import sys
from collections import OrderedDict

import numpy
import torch


def values(*shape):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) * 0.25 - 3).reshape(shape)


class Evil:
    """Unpickling it would run a command."""

    def __reduce__(self):
        return os.system, ("touch /tmp/resfuse-was-here",)


class State(OrderedDict):
    """A dict of a class that no reader has."""


class Mode(enum.Enum):
    FAST = 1


class Settings:
    """Attributes, slots and items."""
    __slots__ = ("rate", "__dict__")


def arguments():
    """What training scripts keep beside the weights."""
    settings = Settings()
    settings.rate, settings.name = 0.1, "x"
    return {
        "args": argparse.Namespace(data_path="/data", lr=0.1, output=pathlib.PosixPath("/tmp/x"), mode=Mode.FAST),
        "numpy": {"scalar": numpy.float64(0.5), "array": numpy.arange(3), "state": numpy.random.RandomState(1).get_state()},
        "when": datetime.datetime(2026, 1, 2), "took": datetime.timedelta(seconds=3), "settings": settings,
        "history": collections.deque([1, 2, 3]), "meters": collections.defaultdict(list, loss=[0.5]),
        "counts": collections.Counter("aab"), "sets": [{1, 2}, frozenset([3])], "complex": 1 + 2j, "bytes": b"\0\xff",
        "type": torch.float16, "device": torch.device("cpu"), "function": torch.nn.functional.relu,
        "generator": torch.get_rng_state(), "slice": slice(1, 2), "range": range(3), "big": 1 << 100}


def checkpoints(folder):
    """Checkpoints with more in them than weights."""
    state = OrderedDict([("conv.weight", values(3, 2, 3, 3)), ("conv.bias", values(3))])
    ema = OrderedDict(("module." + k, v.clone() * 2) for k, v in state.items())
    for name, options in (("args.pth", {}), ("args-protocol4.pth", {"pickle_protocol": 4}),
                          ("args-legacy.pth", {"_use_new_zipfile_serialization": False})):
        torch.save({"model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}, "epoch": 3, **arguments()},
                   os.path.join(folder, name), **options)
    torch.save({"model_ema": ema, "model": State(state), "n_averaged": torch.tensor(3)}, os.path.join(folder, "ema.pth"))
    torch.save({"student": state, "teacher": ema, "args": arguments()["args"]}, os.path.join(folder, "student-teacher.pth"))
    torch.save({"epoch": 1, "net": torch.nn.Linear(2, 3)}, os.path.join(folder, "whole-model-in-a-dict.pth"))
    parameter = torch.nn.Parameter(values(2, 3))
    parameter.note = "an attribute"
    torch.save({"x.weight": parameter, "y.weight": torch.zeros(2).to_sparse()}, os.path.join(folder, "kinds.pth"))


def small(folder):
    def save(obj, name, **options):
        torch.save(obj, os.path.join(folder, name), **options)

    layer = torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(2, 3, 3), bn=torch.nn.BatchNorm2d(3)))
    with torch.no_grad():
        for tensor in list(layer.parameters()) + list(layer.buffers()):
            if tensor.dtype == torch.float32:
                tensor.copy_(values(*tensor.shape))
    state = layer.state_dict()
    save(state, "state_dict.pth")
    save(state, "legacy.pth", _use_new_zipfile_serialization=False)
    save(state, "protocol4.pth", pickle_protocol=4)
    save(dict(layer.named_parameters()), "parameters.pth")
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    layer(torch.zeros(1, 2, 4, 4)).sum().backward()
    optimizer.step()
    prefixed = OrderedDict(("module." + k, values(*v.shape) if v.is_floating_point() else v) for k, v in state.items())
    save({"epoch": 3, "arch": "resnet18", "state_dict": prefixed, "best_acc1": torch.tensor(75.5),
          "optimizer": optimizer.state_dict()}, "checkpoint.pth")
    types = OrderedDict((str(t).split(".")[1], values(2, 3).to(t)) for t in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8))
    types["uint8"] = values(2, 3).abs().to(torch.uint8)
    types["bool"] = torch.tensor([[True, False, True], [False, True, False]])
    save(types, "types.pth")
    save(types, "types-legacy.pth", _use_new_zipfile_serialization=False)
    whole = values(5, 4)
    views = OrderedDict(
        transposed=values(4, 3).t().contiguous().t(),
        channels_last=values(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        row=whole[2], column=whole[:, 1], step=whole[::2], scalar=whole[4, 3], empty=values(0, 3), whole=whole)
    save(views, "views.pth")
    save(views, "views-legacy.pth", _use_new_zipfile_serialization=False)
    save({"x": torch.zeros(1).expand(1000)}, "expanded.pth")
    save(layer, "whole-model.pth")
    save({"state_dict": state, "args": Evil()}, "evil.pth")
    save([values(2)], "list.pth")
    torch.jit.script(torch.nn.ReLU()).save(os.path.join(folder, "script.pth"))


def resnet18(folder):
    import torchvision
    torch.manual_seed(1)
    state = torchvision.models.resnet18(num_classes=10).state_dict()
    torch.save(state, os.path.join(folder, "resnet18.pth"))
    torch.save(state, os.path.join(folder, "resnet18-legacy.pth"), _use_new_zipfile_serialization=False)
    header, data = {}, []
    offset = 0
    for name, tensor in state.items():
        if tensor.is_floating_point():
            raw = tensor.contiguous().numpy().astype("<f4").tobytes()
            header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
            offset += len(raw)
            data.append(raw)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "resnet18.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(data))


if __name__ == "__main__":
    {"small": small, "checkpoints": checkpoints, "resnet18": resnet18}[sys.argv[1]](sys.argv[2])
