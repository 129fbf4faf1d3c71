/**
 * Which tile a product runs with: reckoned, or timed once and remembered. Internal: not part of the
 * published API.
 */
@NullMarked
package io.resfuse.engine.cuda.internal.tiles;

import org.jspecify.annotations.NullMarked;
