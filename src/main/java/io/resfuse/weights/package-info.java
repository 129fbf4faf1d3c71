/**
 * Weight files: reading safetensors, PyTorch, TensorFlow.js and Keras files, writing safetensors,
 * mapping their names to ours, and the pretrained models that can be fetched. Uses {@code tensor},
 * {@code model}, and the engine SPI's {@code Parameters} and {@code NetworkSpec}.
 *
 * <p>Files are hostile input: nothing in them is executed, every length and offset is checked
 * against the file before anything is allocated, and whatever is wrong is a {@link
 * io.resfuse.weights.WeightsException}.
 */
@NullMarked
package io.resfuse.weights;

import org.jspecify.annotations.NullMarked;
