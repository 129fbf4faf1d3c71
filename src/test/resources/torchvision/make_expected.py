#!/usr/bin/python3
"""Writes what torchvision computes for networks whose weights are made by a formula.

Run with a Python that has torch and torchvision (Debian: python3-torch, python3-torchvision):

    /usr/bin/python3 make_expected.py [--out DIRECTORY] [CASE ...]

The formula is that of TestData.java, which says it in words; both give the same float32 bits. Every
case is computed in float64 (the expected values) and in float32, in several ways that differ in
rounding only (WAYS): the largest error among them is how far PyTorch itself is from float64. The
largest, because a rounding error may switch a ReLU on or off, and how many it switches is chance.
The files are tab-separated lines:

    case        name, batch, size of the images in training, and in inference (a batch of one)
    loss        mean cross-entropy
    array       name, PyTorch's float32 error (largest relative L2 distance to float64), L2 norm,
                PROJECTIONS sums with random signs

Segmentation networks have a label per pixel, some of which are ignored, and the loss of the
auxiliary output times 0.5 besides; their dropout is switched off.

for the arrays "inference" (logits with the running statistics of the formula), "logits" (of the
training forward pass; of a segmentation network "aux", too), "running NAME" (statistics after it), "gradient of NAME" of every parameter
and "gradient of the images". Arrays that are 0 but for rounding are left out.

The file state_dicts.tsv has a line per ImageNet variant: name, parameters that are trained, tensors
of its state_dict without the counters of batches, and SHA-256 of the sorted lines "NAME SHAPE\\n",
with shapes like 64x3x7x7.

In sum j of an array called NAME, element i has the sign of bit j of the 64 bits that TestData gives
for element i of "NAME#signs". The mean square of the differences of such sums estimates the square
of the L2 distance of two arrays, without bias.
"""
import argparse
import hashlib
import os

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation.deeplabv3 import ASPP, DeepLabHead, DeepLabV3
from torchvision.models.segmentation.fcn import FCN, FCNHead

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECTIONS = 8
IGNORED = 255
WEIGHTS = {"out": 1, "aux": 0.5}
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def seed(name):
    h = 0xCBF29CE484222325
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(h)


def bits(name, length):
    with np.errstate(over="ignore"):
        z = seed(name) + np.arange(1, length + 1, dtype=np.uint64) * GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fill(name, shape, offset, scale):
    k = (bits(name, int(np.prod(shape))) >> np.uint64(40)).astype(np.float64)
    values = offset + scale * ((k - 2.0**23) * 2.0**-23)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def fill_parameters(module):
    """Fills a float32 module, running statistics included."""
    state = module.state_dict()
    norms = {n for n, m in module.named_modules() if isinstance(m, nn.BatchNorm2d)}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        owner, kind = name.rsplit(".", 1)
        shape = tuple(tensor.shape)
        if owner in norms:
            last_of_bottleneck = owner.endswith("bn3")
            offset, scale = {
                "weight": (0.3, 0.1) if last_of_bottleneck else (0.75, 0.25),
                "bias": (0, 0.25),
                "running_mean": (0, 0.25),
                "running_var": (1, 0.5),
            }[kind]
        elif kind == "bias":
            offset, scale = 0, 0.1
        else:
            fan_in = int(np.prod(shape[1:]))
            before_relu = len(shape) == 4 or owner in ("classifier.0", "classifier.3")
            offset, scale = 0, np.sqrt((6.0 if before_relu else 3.0) / fan_in)
        tensor.copy_(fill(name, shape, offset, scale))


def images(name, batch, size):
    return fill(name + "/images", (batch, 3, size, size), 0, 2)


def labels(name, logits):
    """One per image, or per pixel, where one of classes + 1 is none."""
    classes = logits.shape[1]
    shape = logits.shape[:1] + logits.shape[2:]
    kinds = classes if len(shape) == 1 else classes + 1
    numbers = bits(name + "/labels", int(np.prod(shape))) % np.uint64(kinds)
    targets = torch.from_numpy(numbers.astype(np.int64)).reshape(shape)
    targets[targets == classes] = IGNORED
    return targets


class CifarBlock(nn.Module):
    """Two 3x3 convolutions and shortcut option A (He et al. 2015, sections 3.3 and 4.2)."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride = stride
        self.more = width - channels

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        before = self.more // 2
        shortcut = F.pad(shortcut, (0, 0, 0, 0, before, self.more - before))
        return F.relu(y + shortcut)


class CifarResNet(nn.Module):
    """ResNet-20 and its like: a 3x3 stem, three stages of n blocks, 10 classes."""

    def __init__(self, depth):
        super().__init__()
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for s, width in enumerate((16, 32, 64)):
            blocks = []
            for b in range(n):
                blocks.append(CifarBlock(channels, width, 2 if s > 0 and b == 0 else 1))
                channels = width
            setattr(self, "layer%d" % (s + 1), nn.Sequential(*blocks))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def narrow_vgg():
    """A VGG of five convolutions on 224x224, with 24 units in each hidden layer."""
    layers = torchvision.models.vgg.make_layers([4, "M", 8, "M", 8, "M", 16, "M", 16, "M"])
    module = torchvision.models.VGG(layers, num_classes=11, dropout=0)
    module.classifier[0] = nn.Linear(16 * 7 * 7, 24)
    module.classifier[3] = nn.Linear(24, 24)
    module.classifier[6] = nn.Linear(24, 11)
    return module


class SmallVgg(nn.Module):
    """A VGG for 32x32 with batch norm and one linear layer."""

    def __init__(self):
        super().__init__()
        configuration = [8, "M", 16, "M", 16, 16, "M", 24, "M", 24, 24, "M"]
        self.features = torchvision.models.vgg.make_layers(configuration, batch_norm=True)
        self.classifier = nn.Linear(24, 10)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def bottlenecks(blocks, **options):
    return lambda: torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, blocks, **options)


def segmentation(pyramid):
    """An FCN, or with rates for its pyramid a DeepLabV3, on a dilated ResNet of four blocks."""

    def make():
        resnet = bottlenecks([1, 1, 1, 1], replace_stride_with_dilation=[False, True, True])()
        backbone = IntermediateLayerGetter(resnet, {"layer4": "out", "layer3": "aux"})
        auxiliary = FCNHead(1024, 21)
        if pyramid:
            classifier = DeepLabHead(64, 21)
            classifier[0] = ASPP(2048, pyramid, 64)
            classifier[1] = nn.Conv2d(64, 64, 3, padding=1, bias=False)
            classifier[2] = nn.BatchNorm2d(64)
            classifier[4] = nn.Conv2d(64, 21, 1)
            module = DeepLabV3(backbone, classifier, auxiliary)
        else:
            module = FCN(backbone, FCNHead(2048, 21), auxiliary)
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0
        return module

    return make


RESNEXT = bottlenecks([1, 1, 1, 1], groups=32, width_per_group=4)
WIDE = bottlenecks([1, 1, 1, 1], width_per_group=128)
CASES = {
    # name: (module, batch and size of training, size of inference)
    "resnet18": (torchvision.models.resnet18, 4, 64, 97),
    "resnet50": (torchvision.models.resnet50, 4, 64, 224),
    "resnet23-dilated": (
        bottlenecks([1, 2, 2, 2], replace_stride_with_dilation=[False, True, True]),
        2,
        64,
        65,
    ),
    # So small that float32 switches no ReLU, with few exceptions: hence each with other images.
    "resnet20": (lambda: CifarResNet(20), 4, 16, 32),
    "resnet20-b": (lambda: CifarResNet(20), 4, 16, 31),
    "resnext14_32x4d": (RESNEXT, 4, 48, 63),
    "resnext14_32x4d-b": (RESNEXT, 4, 48, 64),
    "wide_resnet14_2": (WIDE, 4, 48, 40),
    "wide_resnet14_2-b": (WIDE, 4, 48, 41),
    "vgg8": (narrow_vgg, 2, 224, 224),
    "vgg8-b": (narrow_vgg, 2, 224, 224),
    "vgg8_bn_small": (SmallVgg, 4, 32, 32),
    "vgg8_bn_small-b": (SmallVgg, 4, 32, 32),
    "fcn_resnet14": (segmentation(None), 4, 33, 41),
    "deeplabv3_resnet14": (segmentation([1, 2, 3]), 4, 35, 40),
}


# Memory format, order of the batch, oneDNN or PyTorch's own loops.
WAYS = [
    (torch.contiguous_format, 1, True),
    (torch.contiguous_format, -1, True),
    (torch.channels_last, 1, True),
    (torch.channels_last, -1, True),
    (torch.contiguous_format, 1, False),
    (torch.contiguous_format, -1, False),
]


def forward(module, x):
    """The outputs by name."""
    result = module(x)
    return result if isinstance(result, dict) else {"out": result}


def run(make, state, case, dtype, way):
    """Everything of one case in one precision and way, as float64 arrays."""
    name, batch, size, inference_size = case
    memory_format, order, onednn = way
    module = make().to(dtype)
    module.load_state_dict(state)
    module = module.to(memory_format=memory_format)
    arrays = {}
    with torch.backends.mkldnn.flags(enabled=onednn):
        module.eval()
        with torch.no_grad():
            x = images(name + "/inference", 1, inference_size).to(dtype)
            outputs = forward(module, x.to(memory_format=memory_format))
            arrays["inference"] = outputs["out"].double()
        module.train()
        permutation = torch.arange(batch)
        if order < 0:
            permutation = permutation.flip(0)
        x = images(name, batch, size)[permutation].to(dtype).to(memory_format=memory_format)
        x.requires_grad_()
        outputs = forward(module, x)
        targets = labels(name, outputs["out"])[permutation]
        loss = 0
        for key, logits in outputs.items():
            loss = loss + WEIGHTS[key] * F.cross_entropy(logits, targets, ignore_index=IGNORED)
        loss.backward()
    for key, logits in outputs.items():
        array = "logits" if key == "out" else key
        arrays[array] = logits.detach()[permutation].double()
    for key, buffer in module.named_buffers():
        if "running" in key:
            arrays["running " + key] = buffer.double()
    for key, parameter in module.named_parameters():
        arrays["gradient of " + key] = parameter.grad.double()
    arrays["gradient of the images"] = x.grad[permutation].double()
    return loss.item(), arrays


# Gradients of biases before batch norms are 0, and what is found is rounding errors: left out.
ZERO = 1e-13


def relative(got, exact):
    return float((got - exact).norm() / exact.norm())


def sums(name, array):
    """The norm and the sums with random signs."""
    values = array.contiguous().reshape(-1).numpy()
    random = bits(name + "#signs", values.size)
    projections = []
    for j in range(PROJECTIONS):
        positive = (random >> np.uint64(j)) & np.uint64(1) == 1
        projections.append(float(values[positive].sum() - values[~positive].sum()))
    return [float(np.sqrt((values * values).sum()))] + projections


def line(kind, *fields):
    texts = ["%.13g" % f if isinstance(f, float) else str(f) for f in fields]
    return "\t".join([kind] + texts) + "\n"


def expected(name):
    make, batch, size, inference_size = CASES[name]
    case = (name, batch, size, inference_size)
    module = make()
    fill_parameters(module)
    state = module.state_dict()
    loss, exact = run(make, state, case, torch.float64, WAYS[0])
    errors = {key: [] for key in exact}
    for way in WAYS:
        _, rounded = run(make, state, case, torch.float32, way)
        for key, array in exact.items():
            errors[key].append(relative(rounded[key], array))
    text = line("case", *case)
    text += line("loss", loss)
    for key, array in exact.items():
        if array.norm() < ZERO:
            continue
        text += line("array", key, "%.3g" % max(errors[key]), *sums(key, array))
    return text


VARIANTS = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "wide_resnet101_2",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "vgg11_bn",
    "vgg13_bn",
    "vgg16_bn",
    "vgg19_bn",
]
SEGMENTATION = ["fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101"]


def variant(name):
    if name in SEGMENTATION:
        make = getattr(torchvision.models.segmentation, name)
        return make(weights=None, weights_backbone=None, aux_loss=True)
    return getattr(torchvision.models, name)()


def state_dicts():
    text = ""
    for name in VARIANTS + SEGMENTATION:
        module = variant(name)
        trained = sum(p.numel() for p in module.parameters())
        lines = sorted(
            "%s %s\n" % (key, "x".join(map(str, tensor.shape)))
            for key, tensor in module.state_dict().items()
            if not key.endswith("num_batches_tracked")
        )
        digest = hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()
        text += line(name, trained, len(lines), digest)
    return text


def main():
    parser = argparse.ArgumentParser(description="Writes expected values of torchvision.")
    parser.add_argument("--out", default=HERE)
    parser.add_argument("cases", nargs="*", default=[])
    arguments = parser.parse_args()
    # Random initialisation takes most of the time, and all of it is overwritten.
    for initialiser in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"):
        setattr(nn.init, initialiser, lambda tensor, *_, **__: tensor)
    for name in arguments.cases or [*CASES, "state_dicts"]:
        text = state_dicts() if name == "state_dicts" else expected(name)
        with open(os.path.join(arguments.out, name + ".tsv"), "w", encoding="utf-8") as file:
            file.write(text)
        print(name)


if __name__ == "__main__":
    main()
