/**
 * Parity checks between any two engines: the cases (operations, blocks, networks), the data they
 * are filled with, the rungs they must climb, and reports of how they did. Uses {@code engine},
 * {@code model} and {@code report}; knows no engine by its class.
 */
@NullMarked
package io.resfuse.verify;

import org.jspecify.annotations.NullMarked;
