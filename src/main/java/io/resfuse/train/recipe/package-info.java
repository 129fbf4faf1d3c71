/**
 * Recipes: everything that decides what comes out of a training, read from YAML or JSON and checked
 * at once, and the learning-rate schedules that they name.
 */
@NullMarked
package io.resfuse.train.recipe;

import org.jspecify.annotations.NullMarked;
