package io.resfuse.server.protocol;

import java.util.List;

/**
 * What clients are told of an input or output.
 *
 * @param name of it
 * @param datatype in the protocol's words
 * @param shape with -1 for the number of images
 */
public record TensorMetadata(String name, String datatype, List<Long> shape) {}
