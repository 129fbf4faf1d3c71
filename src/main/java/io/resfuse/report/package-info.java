/** Pieces that all HTML reports are made of: one file, inline SVG, no network. Uses nothing. */
@NullMarked
package io.resfuse.report;

import org.jspecify.annotations.NullMarked;
