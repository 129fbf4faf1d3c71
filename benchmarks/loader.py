"""How many pictures per second Pillow and torchvision prepare on one core; `benchmarks/run loader` calls it.

    python3 benchmarks/loader.py FOLDER

FOLDER has pictures in pictures/*/* and large/*/*. Prints a line of versions; then, for every line WORK SECONDS on standard input, a line
with pictures per second. Debian: python3-pil, python3-torchvision.
"""

import glob
import math
import os
import sys
import time

import PIL
import torch
import torchvision
from PIL import Image, features
from torchvision import transforms

torch.set_num_threads(1)
NORMALIZE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
EVALUATION = transforms.Compose(
    [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), NORMALIZE]
)
TRAINING = transforms.Compose(
    [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ToTensor(), NORMALIZE]
)
FILES = sorted(glob.glob(os.path.join(sys.argv[1], "pictures", "*", "*", "*")))
LARGE = sorted(glob.glob(os.path.join(sys.argv[1], "large", "*", "*", "*")))
SHRUNK = [transforms.Resize(256)(Image.open(file).convert("RGB")) for file in FILES]


FLIP = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor(), NORMALIZE])


def decoded(index, files=FILES):
    with Image.open(files[index % len(files)]) as image:
        return image.convert("RGB")


def draft(index):
    """Decoded by libjpeg at 1/8, 1/4 or 1/2 where that leaves a shorter side of at least 256."""
    with Image.open(LARGE[index % len(LARGE)]) as image:
        image.draft("RGB", (256, 256))
        return image.convert("RGB")


def drafted_crop(index):
    """A random part, decoded at 1/8, 1/4 or 1/2 where that leaves at least 224 x 224 of it."""
    with Image.open(LARGE[index % len(LARGE)]) as image:
        width, height = image.size
        top, left, rows, columns = transforms.RandomResizedCrop.get_params(image, (0.08, 1), (3 / 4, 4 / 3))
        image.draft("RGB", (math.ceil(width * 224 / columns), math.ceil(height * 224 / rows)))
        x, y = image.size[0] / width, image.size[1] / height
        box = (left * x, top * y, (left + columns) * x, (top + rows) * y)
        return image.convert("RGB").resize((224, 224), Image.BILINEAR, box)


WORK = {
    "evaluation": lambda index: EVALUATION(decoded(index)),
    "training": lambda index: TRAINING(decoded(index)),
    "large": lambda index: EVALUATION(decoded(index, LARGE)),
    "draft": lambda index: EVALUATION(draft(index)),
    "larges": lambda index: TRAINING(decoded(index, LARGE)),
    "drafts": lambda index: FLIP(drafted_crop(index)),
    "shrunk": lambda index: TRAINING(SHRUNK[index % len(SHRUNK)]),
}

print(
    "Pillow %s (libjpeg-turbo %s), torchvision %s"
    % (PIL.__version__, features.version("libjpeg_turbo"), torchvision.__version__),
    flush=True,
)
for line in sys.stdin:
    name, seconds = line.split()
    work = WORK[name]
    count = 0
    start = time.perf_counter()
    while time.perf_counter() - start < float(seconds):
        work(count)
        count += 1
    print(count / (time.perf_counter() - start), flush=True)
