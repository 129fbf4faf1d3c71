/**
 * Training on any engine: recipes, learning-rate schedules, the loop, evaluation, checkpoints, and
 * what listens to them. Uses {@code engine}, {@code model}, {@code data} and {@code weights}.
 */
@NullMarked
package io.resfuse.train;

import org.jspecify.annotations.NullMarked;
