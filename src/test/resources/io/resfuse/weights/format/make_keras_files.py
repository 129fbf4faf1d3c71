#!/usr/bin/python3
"""Writes the small HDF5 files in Keras's layouts that are committed beside this script.

    make_keras_files.py FOLDER

Element i (row-major) of every tensor is 0.25 i - 3. The layouts are those of Keras 2's
save_weights (saving.hdf5_format) and save.
"""
import json
import os
import sys
import zlib

import h5py
import numpy

LAYERS = {
    "input_1": [],
    "conv1": [("conv1/kernel:0", (2, 3, 4, 5)), ("conv1/bias:0", (5,))],
    "bn_conv1": [("bn_conv1/gamma:0", (5,)), ("bn_conv1/moving_variance:0", (5,))],
    "fc1000": [("fc1000/kernel:0", (5, 7)), ("fc1000/bias:0", (7,))],
}
CONFIG = {"class_name": "Functional", "config": {"layers": [
    {"class_name": "Conv2D", "config": {"name": "conv3_block1_1_conv", "strides": [2, 2]}},
    {"class_name": "BatchNormalization", "config": {"name": "bn_conv1", "epsilon": 0.0011}}]}}


def values(*shape, dtype="<f4"):
    return (numpy.arange(numpy.prod(shape, dtype=int)) * 0.25 - 3).astype(dtype).reshape(shape)


def write(group, layers=LAYERS, split=False, **options):
    names = numpy.array([name.encode() for name in layers])
    if split:
        group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:2], names[2:]
    else:
        group.attrs["layer_names"] = names
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = "2.11.0"
    for layer, weights in layers.items():
        g = group.create_group(layer)
        g.attrs["weight_names"] = [name.encode() for name, _ in weights]
        for name, shape in weights:
            g.create_dataset(name, data=values(*shape, **{k: v for k, v in options.items() if k == "dtype"}),
                             **{k: v for k, v in options.items() if k != "dtype"})


def main(folder):
    def create(name):
        return h5py.File(os.path.join(folder, name), "w")

    with create("save_weights.h5") as f:
        write(f)
    with create("save.h5") as f:
        f.attrs["model_config"] = json.dumps(CONFIG)
        write(f.create_group("model_weights"))
        f.create_group("optimizer_weights")
    with create("split_names.h5") as f:
        write(f, split=True)
    with create("chunked.h5") as f:
        write(f, compression="gzip")
    with create("big_endian.h5") as f:
        write(f, dtype=">f4")
    with create("float16.h5") as f:
        write(f, dtype="<f2")
    with create("nested.h5") as f:
        write(f, {"resnet50": LAYERS["conv1"], "dense": [("kernel:0", (2, 2))]})
    with create("external_link.h5") as f:
        write(f)
        del f["conv1"]
        f["conv1"] = h5py.ExternalLink("save_weights.h5", "/conv1")
    with create("soft_link.h5") as f:
        write(f)
        f["conv1"].move("conv1/bias:0", "conv1/moved")
        f["conv1/conv1/bias:0"] = h5py.SoftLink("/conv1/conv1/moved")
    with create("external_data.h5") as f:
        write(f)
        del f["conv1/conv1/bias:0"]
        f["conv1"].create_dataset("conv1/bias:0", (5,), "<f4", external=[("/etc/passwd", 0, 20)])
    with create("no_keras.h5") as f:
        f["x"] = values(3)
    with h5py.File(os.path.join(folder, "huge_chunked.h5"), "w") as f:
        write(f)
        del f["conv1/conv1/bias:0"]
        f["conv1"].create_dataset("conv1/bias:0", (1 << 27,), "<f4", chunks=(1 << 20,), compression="gzip")
    with create("chunk_bomb.h5") as f:
        write(f)
        del f["conv1/conv1/bias:0"]
        d = f["conv1"].create_dataset("conv1/bias:0", (4096,), "<f4", chunks=(4096,), compression="gzip")
        d.id.write_direct_chunk((0,), zlib.compress(bytes(10 << 20), 9))
    with create("shuffled.h5") as f:
        write(f, compression="gzip", shuffle=True, fletcher32=True)


main(sys.argv[1])
