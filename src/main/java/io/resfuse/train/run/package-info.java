/**
 * A training as a folder of files: a recipe put together with a data set and weights, its metrics,
 * and what it leaves behind.
 */
@NullMarked
package io.resfuse.train.run;

import org.jspecify.annotations.NullMarked;
