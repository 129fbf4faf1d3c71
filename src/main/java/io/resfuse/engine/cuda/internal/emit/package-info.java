/**
 * What is launched for an operation: a class per family of kernels adds its steps to a program.
 * Internal: not part of the published API.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.emit;

import org.jspecify.annotations.NullMarked;
