/**
 * ResNets and VGGs as networks of fused operations: the variants' tables, the blocks, and what a
 * network weighs. Uses {@code tensor} and {@code engine}.
 */
@NullMarked
package io.resfuse.model;

import org.jspecify.annotations.NullMarked;
