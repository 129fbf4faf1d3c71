#!/usr/bin/python3
"""Holds `resfuse gradients` against torchvision on random weights, images and labels.

    /usr/bin/python3 compare_gradients.py prepare DIRECTORY resnet50 [--batch 4] [--size 64] [--seed 1]
    resfuse gradients ...        (prepare prints the whole command)
    /usr/bin/python3 compare_gradients.py check DIRECTORY

The rules of check are those of TorchvisionParity.java: logits, loss and running statistics within
1e-5 of float64 in relative L2, every gradient within twice PyTorch's own float32 error and 1e-6. The
exit code is 1 if anything misses.
"""
import argparse
import json
import os
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from make_expected import WAYS, relative


def prepare(arguments):
    torch.manual_seed(arguments.seed)
    module = getattr(torchvision.models, arguments.network)()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1)
            nn.init.uniform_(layer.bias, -0.25, 0.25)
            nn.init.uniform_(layer.running_mean, -0.25, 0.25)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    os.makedirs(arguments.directory, exist_ok=True)

    def path(name):
        return os.path.join(arguments.directory, name)

    tensors = {n: t for n, t in module.state_dict().items() if t.dtype == torch.float32}
    write_safetensors(path("weights.safetensors"), tensors)
    images = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    np.save(path("images.npy"), images.numpy())
    labels = torch.randint(0, 1000, (arguments.batch,)).tolist()
    with open(path("case.json"), "w", encoding="utf-8") as file:
        json.dump({"network": arguments.network, "labels": labels}, file)
    print(
        "resfuse gradients --network %s --weights %s --images %s --labels %s --to %s"
        % (
            arguments.network,
            path("weights.safetensors"),
            path("images.npy"),
            ",".join(map(str, labels)),
            path("ours.safetensors"),
        )
    )


def write_safetensors(path, tensors):
    """Writes float32 tensors: the length of a JSON header, the header, the elements."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        end = offset + 4 * tensor.numel()
        shape = list(tensor.shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.numpy().astype("<f4").tobytes())


def read_safetensors(path):
    """Float32 tensors of a file, as float64."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.astype(np.float64))
    return tensors


def run(network, state, images, labels, dtype, way):
    memory_format, order, onednn = way
    module = getattr(torchvision.models, network)().to(dtype)
    module.load_state_dict(state, strict=False)  # It lacks the counters of batches.
    module = module.to(memory_format=memory_format)
    permutation = torch.arange(len(labels))
    if order < 0:
        permutation = permutation.flip(0)
    x = images[permutation].to(dtype).to(memory_format=memory_format).requires_grad_()
    with torch.backends.mkldnn.flags(enabled=onednn):
        logits = module(x)
        loss = F.cross_entropy(logits, labels[permutation])
        loss.backward()
    tensors = {n + ".grad": p.grad.double() for n, p in module.named_parameters()}
    tensors.update({n: b.double() for n, b in module.named_buffers() if "running" in n})
    tensors["input.grad"] = x.grad[permutation].double()
    tensors["logits"] = logits.detach()[permutation].double()
    tensors["loss"] = loss.detach().double().reshape(1)
    return tensors


def check(arguments):
    with open(os.path.join(arguments.directory, "case.json"), encoding="utf-8") as file:
        case = json.load(file)
    state = read_safetensors(os.path.join(arguments.directory, "weights.safetensors"))
    images = torch.from_numpy(np.load(os.path.join(arguments.directory, "images.npy")))
    labels = torch.tensor(case["labels"])
    ours = read_safetensors(os.path.join(arguments.directory, "ours.safetensors"))
    exact = run(case["network"], state, images, labels, torch.float64, WAYS[0])
    rounded = [run(case["network"], state, images, labels, torch.float32, way) for way in WAYS]
    misses = 0
    print("%-40s %10s %10s %10s" % ("", "ours", "PyTorch", "allowed"))
    for name, array in exact.items():
        error = relative(ours[name], array)
        pytorch = max(relative(r[name], array) for r in rounded)
        allowed = 2 * pytorch + 1e-6 if name.endswith(".grad") else 1e-5
        missed = not error <= allowed
        misses += missed
        print("%-40s %10.2e %10.2e %10.2e%s" % (name, error, pytorch, allowed, " MISS" * missed))
    print("%d of %d arrays miss" % (misses, len(exact)))
    sys.exit(1 if misses else 0)


def main():
    parser = argparse.ArgumentParser(description="Holds resfuse gradients against torchvision.")
    commands = parser.add_subparsers(required=True)
    preparing = commands.add_parser("prepare", help="write weights, images and labels")
    preparing.add_argument("directory")
    preparing.add_argument("network")
    preparing.add_argument("--batch", type=int, default=4)
    preparing.add_argument("--size", type=int, default=64)
    preparing.add_argument("--seed", type=int, default=1)
    preparing.set_defaults(run=prepare)
    checking = commands.add_parser("check", help="compare, and exit with 1 if anything misses")
    checking.add_argument("directory")
    checking.set_defaults(run=check)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
