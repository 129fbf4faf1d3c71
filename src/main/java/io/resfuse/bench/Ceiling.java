package io.resfuse.bench;

import io.resfuse.engine.Precision;

/**
 * What a device can do at most, as measured.
 *
 * @param competitor by whose means
 * @param place the device
 * @param precision of the product
 * @param bytesPerSecond of a large copy: bytes read and bytes written
 * @param flopPerSecond of a large product of matrices
 */
public record Ceiling(
    String competitor,
    String place,
    Precision precision,
    double bytesPerSecond,
    double flopPerSecond) {}
