"""How many pictures per second Pillow and torchvision prepare on one core; `benchmarks/run loader` calls it.

    python3 benchmarks/loader.py FOLDER

FOLDER has pictures in folders. Prints a line of versions; then, for every line WORK SECONDS on standard input, a line
with pictures per second. Debian: python3-pil, python3-torchvision.
"""

import glob
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
FILES = sorted(glob.glob(os.path.join(sys.argv[1], "*", "*", "*")))
SHRUNK = [transforms.Resize(256)(Image.open(file).convert("RGB")) for file in FILES]


def decoded(index):
    with Image.open(FILES[index % len(FILES)]) as image:
        return image.convert("RGB")


WORK = {
    "evaluation": lambda index: EVALUATION(decoded(index)),
    "training": lambda index: TRAINING(decoded(index)),
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
