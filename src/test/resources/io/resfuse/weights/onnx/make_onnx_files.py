#!/usr/bin/env python3
"""Writes the ONNX files of TorchExportsTest with torch.onnx.export, and expected.txt with the logits that PyTorch has for them.

    make_onnx_files.py FOLDER

Needs PyTorch 1.13 to 2.8, torchvision and onnx (Debian 12: python3-torch, python3-torchvision, python3-onnx). The networks have
the structure of those that people train, and few channels. Element i of the pictures is (37 i mod 101) / 50 - 1.
"""

import os
import sys
import warnings

import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck


class CifarBlock(nn.Module):
    """As in github.com/akamaster/pytorch_resnet_cifar10, from which many small ResNets come."""

    def __init__(self, before, planes, stride, option):
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.planes = planes
        self.option = option if stride != 1 or before != planes else ""
        if self.option == "B":
            self.shortcut = nn.Sequential(nn.Conv2d(before, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.option == "A":
            quarter = self.planes // 4
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter), "constant", 0)
        elif self.option == "B":
            x = self.shortcut(x)
        return functional.relu(out + x)


class Cifar(nn.Module):
    def __init__(self, option, depth=1):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        before, stages = 4, []
        for stage, planes in enumerate((4, 8, 16)):
            blocks = []
            for block in range(depth):
                blocks.append(CifarBlock(before, planes, 2 if stage and not block else 1, option))
                before = planes
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(16, 5)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = functional.avg_pool2d(x, int(x.size()[3]))
        return self.linear(x.view(x.size(0), -1))


class ImageNet(nn.Module):
    """torchvision's blocks and stem, with few channels."""

    def __init__(self, block, groups=1, width=64, dilate=False, head="flatten"):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before, stages = 4, []
        for stage, planes in enumerate((4, 8)):
            dilation = 2 if dilate and stage else 1
            stride = 2 if stage and not dilate else 1
            out = planes * block.expansion
            down = None
            if stride != 1 or before != out:
                down = nn.Sequential(nn.Conv2d(before, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            options = dict(groups=groups, base_width=width)
            stages.append(nn.Sequential(
                block(before, planes, stride, down, dilation=1, **options),
                block(out, planes, dilation=dilation, **options)))
            before = out
        self.layer1, self.layer2 = stages
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(before, 5)
        self.head = head

    def forward(self, x):
        x = self.maxpool(functional.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        if self.head == "mean":
            return functional.softmax(self.fc(self.dropout(x.mean((2, 3)))), dim=1)
        x = functional.adaptive_avg_pool2d(x, 1)
        return self.fc(torch.flatten(x, 1))


class Gate(nn.Module):
    """Squeeze and excitation as timm has it: SEModule of layers/squeeze_excite.py."""

    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, 8, 1)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(8, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x):
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class GatedBlock(BasicBlock):
    """torchvision's block with a gate before the shortcut is added."""

    def __init__(self, inplanes, planes, *args, **options):
        super().__init__(inplanes, planes, *args, **options)
        self.se = Gate(planes)

    def forward(self, x):
        out = self.se(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


def prepare(network):
    """Batch norms that do something."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in ((module.weight.data, 0.5, 1.5), (module.bias.data, -0.3, 0.3),
                                      (module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 1.5)):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
    return network.eval()


def to_half(path):
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(numpy.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    for value in list(model.graph.input) + list(model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, path)


def main(folder):
    warnings.simplefilter("ignore")
    with open(os.path.join(folder, "expected.txt"), "w", encoding="utf-8") as expected:

        def write(name, network, opset, size, fold=True, dynamic=False):
            prepare(network)
            images = ((torch.arange(2 * 3 * size * size) * 37 % 101).float() / 50 - 1).reshape(2, 3, size, size)
            mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
            path = os.path.join(folder, name + ".onnx")
            torch.onnx.export(
                network, images, path, opset_version=opset, input_names=["image"], output_names=["scores"],
                dynamic_axes={"image": {0: "n"}} if dynamic else None, training=mode, do_constant_folding=fold)
            logits = " ".join(f"{value:.9g}" for value in network(images).flatten().tolist())
            expected.write(f"{name} {size} {logits}\n")

        torch.manual_seed(0)
        write("cifar-a-opset11", Cifar("A", 2), 11, 16)
        write("cifar-a-unfolded", Cifar("A"), 11, 16, fold=False)
        write("cifar-a-opset16", Cifar("A"), 16, 16, dynamic=True)
        write("cifar-b-opset9", Cifar("B"), 9, 16)
        write("basic-opset13", ImageNet(BasicBlock), 13, 32, fold=False, dynamic=True)
        write("bottleneck-opset9", ImageNet(Bottleneck), 9, 32, dynamic=True)
        write("bottleneck-softmax", ImageNet(Bottleneck, head="mean"), 17, 32, dynamic=True)
        write("resnext", ImageNet(Bottleneck, 2, 64), 14, 32, fold=False)
        write("dilated", ImageNet(Bottleneck, dilate=True), 12, 32)
        write("half", Cifar("B"), 13, 16)
        write("gated", ImageNet(GatedBlock), 13, 32, dynamic=True)
        to_half(os.path.join(folder, "half.onnx"))


if __name__ == "__main__":
    main(sys.argv[1])
