#!/usr/bin/python3
"""Writes what pycocotools makes of random objects, detections and masks: expected.json.

Run with a Python that has numpy and pycocotools (PyPI):

    /usr/bin/python3 make_expected.py

Each of "cases" has images with objects (left, top, width, height, class, area, crowd) and detections
(left, top, width, height, class, score), and the scores of COCOeval. Its recalls and thresholds
are set to whole hundredths: those that it makes by itself are off by a rounding, so that a recall of 7 of
10 is not one of 0.7. Each of "masks" has a height, a width, the pixels column by column, and the runs
as pycocotools compresses them.
"""
import json
import os

import numpy as np
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CLASSES = 3
random = np.random.RandomState(7)


def image():
    objects, detections = [], []
    for _ in range(random.randint(0, 8)):
        side = 8 << random.randint(0, 5)
        left, top = random.randint(0, 40, 2).tolist()
        label = int(random.randint(0, CLASSES))
        area = side * side * (0.5 if random.randint(0, 3) == 0 else 1.0)
        objects.append([left, top, side, side, label, area, int(random.randint(0, 6) == 0)])
        for _ in range(random.randint(0, 4)):
            off = side * int(random.randint(0, 5)) / 16
            other = label if random.randint(0, 6) else int(random.randint(0, CLASSES))
            detections.append([left + off, top, side, side, other, int(random.randint(0, 40)) / 64])
    for i in range(random.randint(0, 4)):
        detections.append([3, 3, 9 * i + 9, 37, int(random.randint(0, CLASSES)), int(random.randint(0, 40)) / 64])
    return {"objects": objects, "detections": detections}


def scores(images):
    truth = COCO()
    annotations = []
    for number, one in enumerate(images):
        for left, top, width, height, label, area, crowd in one["objects"]:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": label,
                    "bbox": [left, top, width, height],
                    "area": area,
                    "iscrowd": crowd,
                }
            )
    truth.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(len(images))],
        "categories": [{"id": i} for i in range(CLASSES)],
        "annotations": annotations,
    }
    truth.createIndex()
    found = [
        {"image_id": number, "category_id": d[4], "bbox": d[:4], "score": d[5]}
        for number, one in enumerate(images)
        for d in one["detections"]
    ]
    evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
    evaluation.params.recThrs = np.arange(101) / 100
    evaluation.params.iouThrs = np.arange(50, 100, 5) / 100
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    names = ("map", "map50", "map75", "small", "medium", "large")
    result = {name: float(evaluation.stats[i]) for i, name in enumerate(names)}
    result["recall"] = float(evaluation.stats[8])
    return result


cases = []
for size in (1, 3, 8, 20):
    images = [image() for _ in range(size)]
    images[0]["detections"].append([0, 0, 5, 5, 0, 0.25])
    cases.append({"images": images, "scores": scores(images)})

runs = []
for height, width, density in ((1, 1, 1.0), (4, 7, 0.5), (13, 5, 0.1), (40, 60, 0.003), (9, 90, 0.98)):
    pixels = np.asfortranarray((random.rand(height, width) < density).astype(np.uint8))
    text = masks.encode(pixels)["counts"].decode("ascii")
    columns = "".join(str(v) for v in pixels.flatten(order="F"))
    runs.append({"height": height, "width": width, "pixels": columns, "counts": text})

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json"), "w") as out:
    json.dump({"cases": cases, "masks": runs}, out, separators=(",", ":"))
    out.write("\n")
