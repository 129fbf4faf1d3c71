package io.resfuse.server.rest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.resfuse.server.protocol.Datatypes;
import io.resfuse.server.protocol.InferenceResponse;
import io.resfuse.server.protocol.OutputTensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Writes answers as JSON, with the outputs that are wanted so as bytes behind it. */
final class ResponseWriter {
  private static final JsonFactory JSON = new JsonFactory();

  private ResponseWriter() {}

  /**
   * An answer's body.
   *
   * @param bytes all of it
   * @param jsonLength how many of them are JSON; -1 if all are, and nobody needs to know
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Written(byte[] bytes, int jsonLength) {}

  static Written write(InferenceResponse response) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    List<ByteBuffer> binary = new ArrayList<>();
    try {
      try (JsonGenerator json = JSON.createGenerator(bytes)) {
        json.writeStartObject();
        json.writeStringField("model_name", response.model());
        json.writeStringField("model_version", response.version());
        if (!response.id().isEmpty()) {
          json.writeStringField("id", response.id());
        }
        json.writeArrayFieldStart("outputs");
        for (OutputTensor output : response.outputs()) {
          write(output, json, binary);
        }
        json.writeEndArray();
        json.writeEndObject();
      }
      int length = bytes.size();
      for (ByteBuffer each : binary) {
        bytes.write(each.array(), each.arrayOffset(), each.remaining());
      }
      return new Written(bytes.toByteArray(), binary.isEmpty() ? -1 : length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(OutputTensor output, JsonGenerator json, List<ByteBuffer> binary)
      throws IOException {
    json.writeStartObject();
    json.writeStringField("name", output.name());
    json.writeStringField("datatype", output.datatype());
    json.writeFieldName("shape");
    json.writeArray(output.shape(), 0, output.shape().length);
    if (output.binary()) {
      ByteBuffer elements = Datatypes.write(output);
      json.writeObjectFieldStart("parameters");
      json.writeNumberField("binary_data_size", elements.remaining());
      json.writeEndObject();
      binary.add(elements);
    } else {
      json.writeArrayFieldStart("data");
      for (String text : output.texts()) {
        json.writeString(text);
      }
      for (float element : output.elements()) {
        json.writeNumber(element);
      }
      json.writeEndArray();
    }
    json.writeEndObject();
  }
}
