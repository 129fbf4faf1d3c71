#!/usr/bin/python3
"""Writes what timm computes for networks whose weights are made by a formula.

Run with a Python that has torch, torchvision and timm (1.0.29 with PyTorch 1.13 made the files):

    python3 make_expected.py [--out DIRECTORY] [CASE ...]

Formula, files and their lines are those of ../torchvision/make_expected.py, which this uses.
"""
import importlib.util
import os

import timm
from timm.models.resnet import BasicBlock, Bottleneck, ResNet

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = importlib.util.spec_from_file_location(
    "torchvisions", os.path.join(HERE, "..", "torchvision", "make_expected.py")
)
base = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(base)

DEEP = {"stem_width": 32, "stem_type": "deep"}
D = {**DEEP, "avg_down": True}
TIERED = {"stem_width": 32, "stem_type": "deep_tiered", "avg_down": True}
SE = {"block_args": {"attn_layer": "se"}}


def network(block, **options):
    return lambda: ResNet(block, [1, 1, 1, 1], **options)


# Sizes of inference are odd at every stage, so that the last windows of average pools are cut.
base.CASES = {
    # name: (module, batch and size of training, size of inference)
    "resnet14c": (network(Bottleneck, **DEEP), 4, 48, 65),
    "resnet14c-b": (network(Bottleneck, **DEEP), 4, 48, 64),
    "resnet14d": (network(Bottleneck, **D), 4, 48, 65),
    "resnet14d-b": (network(Bottleneck, **D), 4, 48, 64),
    "resnet10t": (network(BasicBlock, **TIERED), 4, 49, 65),
    "resnet10t-b": (network(BasicBlock, **TIERED), 4, 49, 67),
    "seresnet10": (network(BasicBlock, **SE), 4, 49, 65),
    "seresnet10-b": (network(BasicBlock, **SE), 4, 49, 67),
    "seresnet14d": (network(Bottleneck, **D, **SE), 4, 48, 65),
    "seresnet14d-b": (network(Bottleneck, **D, **SE), 4, 48, 64),
}

base.VARIANTS = """
    resnext101_32x4d resnext101_64x4d resnet50c resnet101c resnet152c resnet50s resnet101s resnet152s
    resnet18d resnet34d resnet50d resnet101d resnet152d resnext50d_32x4d resnet26d resnet200d
    resnet10t resnet14t resnet26t resnet50t
    seresnet18 seresnet34 seresnet50 seresnet50t seresnet101 seresnet152 seresnet152d seresnet200d seresnet269d
    seresnext26d_32x4d seresnext26t_32x4d seresnext50_32x4d seresnext101_32x4d seresnext101_32x8d
    seresnext101_64x4d seresnext101d_32x8d
""".split()




class Models:
    """Where the other script looks for makers of networks."""

    def __getattr__(self, name):
        return lambda: timm.create_model(name)


base.torchvision.models = Models()
base.HERE = HERE

if __name__ == "__main__":
    base.main()
