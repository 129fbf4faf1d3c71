#!/usr/bin/python3
"""Writes networks for pictures of one and of four channels, as people make them from torchvision's,
and what PyTorch and torchvision's transforms give for a picture, and for one that has alpha.

    make_channel_files.py PICTURE PICTURE_WITH_ALPHA FOLDER

Needs PyTorch, torchvision and Pillow (Debian 12: python3-torch, python3-torchvision).
"""
import os
import sys

import torch
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.models.resnet import BasicBlock


class Network(nn.Module):
    """torchvision's names and structure, with few channels."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(4, 4))
        down = nn.Sequential(nn.Conv2d(4, 8, 1, 2, bias=False), nn.BatchNorm2d(8))
        self.layer2 = nn.Sequential(BasicBlock(4, 8, 2, down))
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


def main(picture, transparent, folder):
    cut = transforms.Compose([transforms.Resize(73), transforms.CenterCrop(64)])
    colour = cut(Image.open(picture).convert("RGB"))
    opaque = colour.copy()
    opaque.putalpha(255)
    inputs = {
        "grey": ([colour.convert("L")], [0.449], [0.226]),
        "rgba": ([opaque, cut(Image.open(transparent).convert("RGBA"))], [0.485, 0.456, 0.406, 0], [0.229, 0.224, 0.225, 1]),
    }
    with open(os.path.join(folder, "channels.txt"), "w") as expected:
        for name, (images, mean, std) in inputs.items():
            torch.manual_seed(len(mean))
            network = Network(len(mean))
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.uniform_(module.weight, 0.5, 1.5)
                    nn.init.normal_(module.bias, 0, 0.3)
                    nn.init.normal_(module.running_mean, 0, 0.3)
                    nn.init.uniform_(module.running_var, 0.5, 1.5)
            network.eval()
            for image, suffix in zip(images, ["", "-alpha"]):
                x = transforms.Normalize(mean, std)(transforms.ToTensor()(image))[None]
                with torch.no_grad():
                    logits = network.double()(x.double())[0]
                expected.write(name + suffix + " " + " ".join(repr(float(v)) for v in logits) + "\n")
            network.float()
            torch.save(network.state_dict(), os.path.join(folder, name + ".pth"))
            torch.onnx.export(network, x, os.path.join(folder, name + ".onnx"), opset_version=13)


if __name__ == "__main__":
    main(*sys.argv[1:])
