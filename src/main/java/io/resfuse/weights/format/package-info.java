/**
 * Weight files by format: reading safetensors, PyTorch, TensorFlow.js and Keras files as named
 * tensors, and writing safetensors. What the tensors mean to a network is not known here.
 *
 * <p>Files are hostile input: nothing in them is executed, every length and offset is checked
 * against the file before anything is allocated, and whatever is wrong is a {@link
 * io.resfuse.weights.format.WeightsException}.
 */
@NullMarked
package io.resfuse.weights.format;

import org.jspecify.annotations.NullMarked;
