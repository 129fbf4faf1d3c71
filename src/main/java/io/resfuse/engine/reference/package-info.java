/**
 * The engine {@code reference}: plain loops in double precision, the definition of what is right.
 * One class per operation, forward and backward; nothing fused, no memory shared between values.
 * Convolutions are products of matrices of patches, the only thing done for speed. The other
 * engines are held against this one, and it is held against finite differences and torchvision.
 */
@NullMarked
package io.resfuse.engine.reference;

import org.jspecify.annotations.NullMarked;
