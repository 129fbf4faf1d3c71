package io.resfuse.server.rest;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.server.inference.Failures;
import io.resfuse.server.protocol.InferenceResponse;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;

/**
 * All that is sent for a request.
 *
 * @param status of HTTP
 * @param type of the content
 * @param headers beside type and length
 * @param bytes the body
 */
@SuppressWarnings("ArrayRecordComponent")
record Answer(int status, String type, Map<String, String> headers, byte[] bytes) {
  /** How many bytes of a body are JSON, of requests and answers. */
  static final String JSON_LENGTH = "Inference-Header-Content-Length";

  private static final String JSON = "application/json";
  private static final ObjectMapper MAPPER = new ObjectMapper();

  static Answer of(String type, byte[] bytes) {
    return new Answer(200, type, Map.of(), bytes);
  }

  static Answer json(Object value) {
    return json(200, value);
  }

  static Answer json(int status, Object value) {
    try {
      return new Answer(status, JSON, Map.of(), MAPPER.writeValueAsBytes(value));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * An inference's.
   *
   * @throws ServiceException if the memory is short for it
   */
  static Answer of(InferenceResponse response) {
    ResponseWriter.Written written;
    try {
      written = ResponseWriter.write(response);
    } catch (OutOfMemoryError e) {
      throw Failures.of(e);
    }
    return written.jsonLength() < 0
        ? of(JSON, written.bytes())
        : new Answer(
            200,
            "application/octet-stream",
            Map.of(JSON_LENGTH, Integer.toString(written.jsonLength())),
            written.bytes());
  }

  /** An error in the protocol's form. */
  static Answer error(int status, String message) {
    return json(status, Map.of("error", message));
  }

  static Answer of(ServiceException failure) {
    Answer error = error(status(failure.kind()), String.valueOf(failure.getMessage()));
    return failure.kind() == Kind.OVERLOADED
        ? new Answer(error.status, error.type, Map.of("Retry-After", "1"), error.bytes)
        : error;
  }

  private static int status(Kind kind) {
    return switch (kind) {
      case INVALID -> 400;
      case FORBIDDEN -> 403;
      case NOT_FOUND -> 404;
      case TOO_SLOW -> 408;
      case TOO_LARGE -> 413;
      case OVERLOADED -> 429;
      case FAILED -> 500;
      case UNAVAILABLE -> 503;
      case DEADLINE -> 504;
    };
  }
}
