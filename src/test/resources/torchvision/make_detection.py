#!/usr/bin/python3
"""Writes what torchvision computes of anchors, boxes and the losses of RetinaNet: detection.tsv.

Run with a Python that has torch and torchvision (Debian: python3-torch, python3-torchvision):

    /usr/bin/python3 make_detection.py

A line is a name and numbers, separated by tabs; arrays are flattened. What is random comes from
torch's generator with a fixed seed, and stands in the file beside what is computed of it.
"""
import os

import torch
from torch.nn import functional as F
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import batched_nms, box_iou, sigmoid_focal_loss

HEIGHT, WIDTH = 64, 80
GRIDS = ((8, 10), (4, 5), (2, 3), (1, 2), (1, 1))
CLASSES = 3

torch.manual_seed(20)
lines = []


def put(name, tensor):
    values = tensor.reshape(-1).tolist()
    lines.append("\t".join([name] + ["%.9g" % v for v in values]))


def put_double(name, tensor):
    values = tensor.reshape(-1).tolist()
    lines.append("\t".join([name] + ["%.17g" % v for v in values]))


def random_boxes(count, largest):
    corners = torch.rand(count, 2) * torch.tensor([WIDTH - 8.0, HEIGHT - 8.0])
    sides = 4 + torch.rand(count, 2) * largest
    return torch.cat([corners, corners + sides], 1)


sizes = tuple((x, int(x * 2 ** (1.0 / 3)), int(x * 2 ** (2.0 / 3))) for x in (32, 64, 128, 256, 512))
generator = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 5)
images = ImageList(torch.zeros(1, 3, HEIGHT, WIDTH), [(HEIGHT, WIDTH)])
anchors = generator(images, [torch.zeros(1, 1, *grid) for grid in GRIDS])[0]
put("anchors", anchors)

objects = torch.cat([random_boxes(4, 60), torch.tensor([[10.0, 10.0, 15.0, 14.0], [0.0, 0.0, 32.0, 32.0]])])
labels = torch.tensor([0, 1, 2, 1, 0, 2])
put("objects", objects)
put("labels", labels)
iou = box_iou(objects, anchors)
put("best iou", iou.max(0).values)
matches = Matcher(0.5, 0.4, allow_low_quality_matches=True)(iou)
put("matches", matches)

coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
foreground = torch.where(matches >= 0)[0]
wanted = coder.encode_single(objects[matches[foreground]], anchors[foreground])
put("codes", wanted)
codes = torch.randn(len(anchors), 4)
codes[:3, 2:] = 9
put("outputs", codes)
put("decoded", coder.decode_single(codes, anchors))

# Losses in float64, of the float32 inputs.
logits = torch.randn(len(anchors), CLASSES) * 3
put("logits", logits)
x = logits.double().requires_grad_()
target = torch.zeros_like(x)
target[foreground, labels[matches[foreground]]] = 1
valid = matches != Matcher.BETWEEN_THRESHOLDS
focal = sigmoid_focal_loss(x[valid], target[valid], reduction="sum") / max(1, len(foreground))
focal.backward()
put_double("focal", focal)
put_double("focal gradient", x.grad)
c = codes.double().requires_grad_()
loss = F.l1_loss(c[foreground], wanted.double(), reduction="sum") / max(1, len(foreground))
loss.backward()
put_double("box loss", loss)
put_double("box gradient", c.grad)

boxes = random_boxes(80, 30)
scores = torch.rand(80)
scores[7] = scores[3]
classes = torch.randint(0, CLASSES, (80,))
put("boxes", boxes)
put("scores", scores)
put("classes", classes)
put("kept", batched_nms(boxes, scores, classes, 0.5))

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "detection.tsv"), "w") as out:
    out.write("\n".join(lines) + "\n")
