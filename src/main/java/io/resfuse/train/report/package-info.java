/**
 * Reports of trainings and studies: HTML pages of one file, with their plots as inline SVG and
 * their pictures as data, which need no network. Uses {@code train} and {@code data}.
 */
@NullMarked
package io.resfuse.train.report;

import org.jspecify.annotations.NullMarked;
