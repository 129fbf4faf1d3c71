package io.resfuse.server.protocol;

import java.util.List;

/**
 * What clients are told of a model.
 *
 * @param name of it
 * @param versions that take requests, ascending
 * @param platform what runs it
 * @param inputs of which a request has one
 * @param outputs that may be asked for
 */
public record ModelMetadata(
    String name,
    List<String> versions,
    String platform,
    List<TensorMetadata> inputs,
    List<TensorMetadata> outputs) {}
