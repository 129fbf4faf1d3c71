/**
 * What kernels are given and what there is of them: records that mirror the structs of {@code
 * cuda-kernels/parameters.cuh} field by field, and the library that loads kernels by name. Internal
 * to the engine {@code cuda}.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.kernels;

import org.jspecify.annotations.NullMarked;
