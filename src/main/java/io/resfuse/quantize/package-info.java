/**
 * Post-training quantisation: what activations are like on pictures that stand for those to come,
 * where their ranges are cut, and weights as integers. {@code docs/quantization.md} has the scheme.
 */
@NullMarked
package io.resfuse.quantize;

import org.jspecify.annotations.NullMarked;
