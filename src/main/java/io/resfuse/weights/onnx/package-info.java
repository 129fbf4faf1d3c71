/**
 * Networks as ONNX graphs: matching the graph of a file to the blocks that {@code model} has, and
 * writing a network as a graph. The files themselves are read and written by {@code
 * weights.format}.
 */
@NullMarked
package io.resfuse.weights.onnx;

import org.jspecify.annotations.NullMarked;
