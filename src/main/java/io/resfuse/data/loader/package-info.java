/** Batches of prepared pictures, in order and in time, by many threads. */
@NullMarked
package io.resfuse.data.loader;

import org.jspecify.annotations.NullMarked;
