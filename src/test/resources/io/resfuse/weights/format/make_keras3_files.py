#!/usr/bin/env python3
"""Writes keras3.zip, the small files of Keras 3 that are committed beside this script.

    make_keras3_files.py FOLDER

Tried with Keras 3.15.1 on JAX (pip install keras jax h5py). The networks have the layers and names
of keras.applications.ResNet50, and few and narrow blocks. Weights are random; expected.txt has what
Keras gives for images whose element i is (i * 37 % 251) / 250 - 0.5.
"""
import io
import os
import sys
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import keras
import numpy
from keras import layers
from keras.src.applications.resnet import stack_residual_blocks_v1, stack_residual_blocks_v2

SIZE = 32
CLASSES = 3


def network(preact=False, softmax=True):
    image = layers.Input(shape=(SIZE, SIZE, 3))
    x = layers.ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad")(image)
    x = layers.Conv2D(4, 7, strides=2, name="conv1_conv")(x)
    if not preact:
        x = layers.BatchNormalization(axis=3, epsilon=1.001e-5, name="conv1_bn")(x)
        x = layers.Activation("relu", name="conv1_relu")(x)
    x = layers.ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    stack = stack_residual_blocks_v2 if preact else stack_residual_blocks_v1
    x = stack(x, 4, 2 if preact else 1, stride1=1, name="conv2")
    x = stack(x, 8, 2, name="conv3")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(CLASSES, activation="softmax" if softmax else None, name="predictions")(x)
    return keras.Model(image, x, name="resnet50")


def fill(model):
    random = numpy.random.default_rng(20261130)
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            value = random.normal(0, 0.2, variable.shape)
            if "variance" in variable.path or "gamma" in variable.path:
                value = 0.5 + abs(value)
            values.append(value.astype("float32"))
        layer.set_weights(values)


def without_names(hdf5):
    """As Keras wrote it at first: groups of variables did not have the names of their layers."""
    def drop(_, item):
        item.attrs.pop("name", None)

    memory = io.BytesIO(hdf5)
    with h5py.File(memory, "r+") as file:
        file.visititems(drop)
    return memory.getvalue()


def write(folder):
    def at(name):
        return os.path.join(folder, name)

    model = network()
    fill(model)
    images = ((numpy.arange(2 * SIZE * SIZE * 3) * 37 % 251) / 250 - 0.5).astype("float32")
    scores = model.predict(images.reshape(2, SIZE, SIZE, 3), verbose=0)
    with open(at("expected.txt"), "w") as file:
        file.write(" ".join(repr(float(score)) for score in scores.flatten()) + "\n")
    model.save(at("whole.keras"))
    model.save_weights(at("whole.weights.h5"))
    model.save(at("legacy.h5"))

    with zipfile.ZipFile(at("whole.keras")) as whole, \
            zipfile.ZipFile(at("unnamed.keras"), "w", zipfile.ZIP_DEFLATED) as unnamed:
        for name in whole.namelist():
            content = whole.read(name)
            unnamed.writestr(name, without_names(content) if name.endswith(".h5") else content)
    with open(at("whole.weights.h5"), "rb") as whole, \
            open(at("unnamed.weights.h5"), "wb") as unnamed:
        unnamed.write(without_names(whole.read()))

    for name, target in ("loop", None), ("link", h5py.SoftLink("/layers/conv2d/vars/0")):
        with h5py.File(at(name + ".weights.h5"), "w") as file:
            file.create_group("layers/conv2d/vars").attrs["name"] = "conv1_conv"
            if target:
                file["layers/conv2d/vars/1"] = target
            else:
                file["layers/model"] = file["layers"]

    keras.Sequential([
        layers.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv1_conv"), layers.BatchNormalization(name="conv1_bn")
    ]).save_weights(at("small.weights.h5"))

    trained = keras.Sequential([network(softmax=False), layers.Softmax()])
    fill(trained.layers[0])
    trained.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    trained.fit(numpy.zeros((2, SIZE, SIZE, 3)), numpy.zeros(2), verbose=0)
    trained.save(at("trained.keras"))

    network(preact=True).save(at("preact.keras"))
    keras.config.set_dtype_policy("bfloat16")
    network().save_weights(at("bfloat16.weights.h5"))


def main(folder):
    with tempfile.TemporaryDirectory() as files, zipfile.ZipFile(
            os.path.join(folder, "keras3.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        write(files)
        for name in sorted(os.listdir(files)):
            archive.write(os.path.join(files, name), name)


if __name__ == "__main__":
    main(sys.argv[1])
