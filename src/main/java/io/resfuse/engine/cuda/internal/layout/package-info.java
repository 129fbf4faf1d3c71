/**
 * How a network's values, weights and parameters lie on the device. Internal: not part of the
 * published API.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.layout;

import org.jspecify.annotations.NullMarked;
