package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;

/**
 * A run of elements that tensors of a PyTorch file lie in.
 *
 * @param key its name in the file
 * @param type of the elements
 * @param offset of a view, in elements from the beginning of the stored run
 * @param elements how many, from the offset on
 */
record TorchStorage(String key, DataType type, long offset, long elements) {}
