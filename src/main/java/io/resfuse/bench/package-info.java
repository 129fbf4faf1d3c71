/**
 * Benchmarks: engines side by side in interleaved rounds, on networks and on single operations,
 * against the ceilings of the device that they run on. Results are records that are written as
 * JSON, CSV, text and an HTML page. Uses {@code verify} for parity before timing; knows no engine
 * by its class.
 */
@NullMarked
package io.resfuse.bench;

import org.jspecify.annotations.NullMarked;
