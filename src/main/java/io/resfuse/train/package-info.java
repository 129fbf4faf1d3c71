/**
 * Training on any engine: the loop, evaluation, checkpoints, and what listens to them. What is to
 * be trained and how says a recipe ({@code train.recipe}); {@code train.run} keeps a folder of
 * files; {@code train.report} draws pages. Uses {@code engine}, {@code model}, {@code data} and
 * {@code weights}.
 */
@NullMarked
package io.resfuse.train;

import org.jspecify.annotations.NullMarked;
