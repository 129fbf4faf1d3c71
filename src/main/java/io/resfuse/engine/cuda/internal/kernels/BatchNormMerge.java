package io.resfuse.engine.cuda.internal.kernels;

/**
 * Merges tiles of statistics, where there are many.
 *
 * <p>Mirrors {@code resfuse::BatchNormMerge} of {@code cuda-kernels/parameters.cuh}, which has the
 * formula; {@code long}s are addresses on the device where they are not counts.
 *
 * @param statistics floats, or 0
 * @param merged floats
 * @param channels padded
 * @param tiles row tiles
 * @param rowsPerTile rows of a tile
 * @param rows pixels of all images
 * @param tilesPerGroup tiles that become one
 */
public record BatchNormMerge(
    long statistics,
    long merged,
    int channels,
    int tiles,
    int rowsPerTile,
    int rows,
    int tilesPerGroup) {}
