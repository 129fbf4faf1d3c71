package io.resfuse.server.rest;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.jspecify.annotations.Nullable;

/** What Jetty refuses before it is a request to us, in the protocol's form. */
final class JsonErrors extends ErrorHandler {
  private static final String JSON = "application/json";

  @Override
  public void handle(
      String target, Request base, HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    base.setHandled(true);
    response.setContentType(JSON);
    byte[] error = Answer.error(response.getStatus(), "HTTP " + response.getStatus()).bytes();
    response.getOutputStream().write(error);
  }

  @Override
  public ByteBuffer badMessageError(
      int status, @Nullable String reason, HttpFields.Mutable fields) {
    fields.put(HttpHeader.CONTENT_TYPE, JSON);
    return ByteBuffer.wrap(
        Answer.error(status, "the request is no HTTP: " + (reason == null ? status : reason))
            .bytes());
  }
}
