/**
 * Benchmarks: engines side by side in interleaved rounds, on networks and on single operations,
 * against the ceilings of the device that they run on. Uses {@code verify} for parity before
 * timing; knows no engine by its class. What was found is in {@code bench.report}.
 */
@NullMarked
package io.resfuse.bench;

import org.jspecify.annotations.NullMarked;
