package io.resfuse.engine.cuda.internal.kernels;

/**
 * Finds images that are not finite, or makes NaN of their results.
 *
 * <p>Mirrors {@code resfuse::BrokenImages} of {@code cuda-kernels/parameters.cuh}; {@code long}s
 * are addresses on the device where they are not counts.
 *
 * @param host floats of the images, or 0
 * @param results floats of the results, or 0
 * @param broken an int per image and part
 * @param elements of an image, or of its result
 * @param parts of an image that are looked at apart
 */
public record BrokenImages(long host, long results, long broken, long elements, int parts) {}
