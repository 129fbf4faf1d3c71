/**
 * Weights of networks: mapping the names in weight files to ours, recognising the network that a
 * file is for, and the pretrained models that can be fetched. The files themselves are read and
 * written by {@code weights.format}. Uses {@code tensor}, {@code model}, and the engine SPI's
 * {@code Parameters} and {@code NetworkSpec}.
 */
@NullMarked
package io.resfuse.weights;

import org.jspecify.annotations.NullMarked;
