package io.resfuse.server.protocol;

import java.util.List;

/**
 * The answer to an {@link InferenceRequest}.
 *
 * @param model its name
 * @param version that answered
 * @param id the request's
 * @param outputs in the order in which they were asked for
 */
public record InferenceResponse(
    String model, String version, String id, List<OutputTensor> outputs) {}
