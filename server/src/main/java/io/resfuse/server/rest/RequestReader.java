package io.resfuse.server.rest;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.resfuse.server.protocol.Datatypes;
import io.resfuse.server.protocol.InferenceRequest;
import io.resfuse.server.protocol.InputTensor;
import io.resfuse.server.protocol.Parameters;
import io.resfuse.server.protocol.RequestedOutput;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.repository.ServedModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads requests out of bodies: JSON, with the elements of inputs in it or in the bytes behind it
 * (the binary tensor data extension), or nothing but the contents of a picture's file. Elements go
 * from the text into arrays, without a tree between.
 */
final class RequestReader {
  private final JsonFactory json;

  /** For bodies of limited length. */
  RequestReader(int maxBody) {
    this.json =
        JsonFactory.builder()
            .streamReadConstraints(
                StreamReadConstraints.builder()
                    .maxStringLength(maxBody)
                    .maxNestingDepth(64)
                    .build())
            .build();
  }

  /** An input as it is in the text. */
  private static final class Draft {
    @Nullable String name;
    @Nullable String datatype;
    long @Nullable [] shape;
    Map<String, Object> parameters = Map.of();
    float @Nullable [] floats;
    @Nullable List<byte[]> strings;
  }

  /**
   * Reads one.
   *
   * @param model of the path
   * @param version of the path, or empty
   * @param body not copied where it is nothing but a picture
   * @param jsonLength how many bytes of it are JSON; null for all
   * @throws ServiceException if it is none
   */
  InferenceRequest read(String model, String version, Body body, @Nullable String jsonLength) {
    int length = body.length();
    if (jsonLength != null) {
      length = parseLength(jsonLength, body.length());
      if (length == 0) {
        byte[] picture = body.bytes();
        List<byte[]> one =
            List.of(
                picture.length == body.length() ? picture : Arrays.copyOf(picture, body.length()));
        InputTensor input = new InputTensor.Bytes(ServedModel.IMAGE, new long[] {1}, one);
        return new InferenceRequest(model, version, "", List.of(input), List.of(), false, 0, null);
      }
    }
    ByteBuffer binary = ByteBuffer.wrap(body.bytes(), length, body.length() - length);
    try (JsonParser parser = json.createParser(body.bytes(), 0, length)) {
      return read(model, version, parser, binary);
    } catch (JsonProcessingException e) {
      throw ServiceException.invalid("the body is no JSON of a request: " + oneLine(e));
    } catch (IOException e) {
      throw ServiceException.invalid("the body cannot be read: " + e.getMessage());
    }
  }

  private static int parseLength(String text, int most) {
    int length = text.matches("[0-9]{1,9}") ? Integer.parseInt(text) : -1;
    if (length < 0 || length > most) {
      throw ServiceException.invalid(
          "Inference-Header-Content-Length is the number of bytes of JSON, 0 to %d here, got '%s'"
              .formatted(most, text));
    }
    return length;
  }

  private static String oneLine(JsonProcessingException e) {
    String where =
        e.getLocation() == null ? "" : " at byte " + Math.max(0, e.getLocation().getByteOffset());
    // Jackson says where an array or object began, which is of little use without the text.
    return e.getOriginalMessage().lines().findFirst().orElse("").replaceFirst(" \\(for .*", "")
        + where;
  }

  private static InferenceRequest read(
      String model, String version, JsonParser parser, ByteBuffer binary) throws IOException {
    String id = "";
    List<Draft> drafts = new ArrayList<>();
    List<RequestedOutput> outputs = new ArrayList<>();
    Map<String, Object> all = Map.of();
    List<Draft> wanted = new ArrayList<>();
    require(parser.nextToken(), JsonToken.START_OBJECT, "the body");
    for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
      JsonToken value = parser.nextToken();
      switch (field) {
        case "id" -> {
          require(value, JsonToken.VALUE_STRING, "id");
          id = parser.getText();
        }
        case "parameters" -> all = parameters(parser);
        case "inputs" -> drafts = tensors(parser, "inputs");
        case "outputs" -> wanted = tensors(parser, "outputs");
        default -> parser.skipChildren();
      }
    }
    if (parser.nextToken() != null) {
      throw ServiceException.invalid("there is more behind the JSON of the request");
    }
    boolean allBinary = Parameters.flag(all, "binary_data_output");
    for (Draft output : wanted) {
      outputs.add(
          new RequestedOutput(
              name(output, "an output"),
              Parameters.count(output.parameters, "classification"),
              output.parameters.containsKey("binary_data")
                  ? Parameters.flag(output.parameters, "binary_data")
                  : allBinary));
    }
    List<InputTensor> inputs = new ArrayList<>();
    for (Draft draft : drafts) {
      inputs.add(input(draft, binary));
    }
    if (binary.hasRemaining()) {
      throw ServiceException.invalid(
          "%d bytes behind the JSON belong to no input; binary_data_size says which do"
              .formatted(binary.remaining()));
    }
    return new InferenceRequest(
        model,
        version,
        id,
        inputs,
        outputs,
        allBinary,
        Parameters.priority(all),
        Parameters.timeout(all));
  }

  private static void require(@Nullable JsonToken got, JsonToken wanted, String what) {
    if (got != wanted) {
      throw ServiceException.invalid(
          "%s is %s, got %s".formatted(what, words(wanted), got == null ? "nothing" : words(got)));
    }
  }

  private static String words(JsonToken token) {
    return switch (token) {
      case START_OBJECT -> "an object";
      case START_ARRAY -> "an array";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT -> "a whole number";
      case VALUE_NUMBER_FLOAT -> "a number";
      case VALUE_TRUE, VALUE_FALSE -> "a truth value";
      case VALUE_NULL -> "null";
      default -> "something else";
    };
  }

  private static List<Draft> tensors(JsonParser parser, String what) throws IOException {
    require(parser.currentToken(), JsonToken.START_ARRAY, what);
    List<Draft> drafts = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      require(parser.currentToken(), JsonToken.START_OBJECT, "each of " + what);
      Draft draft = new Draft();
      for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
        JsonToken value = parser.nextToken();
        switch (field) {
          case "name" -> {
            require(value, JsonToken.VALUE_STRING, "a name");
            draft.name = parser.getText();
          }
          case "datatype" -> {
            require(value, JsonToken.VALUE_STRING, "a datatype");
            draft.datatype = parser.getText();
          }
          case "shape" -> draft.shape = shape(parser);
          case "parameters" -> draft.parameters = parameters(parser);
          case "data" -> readData(parser, draft);
          default -> parser.skipChildren();
        }
      }
      drafts.add(draft);
      InferenceRequest.checkCount(drafts.size(), what);
    }
    return drafts;
  }

  private static long[] shape(JsonParser parser) throws IOException {
    require(parser.currentToken(), JsonToken.START_ARRAY, "a shape");
    long[] shape = new long[8];
    int rank = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      require(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, "a dimension");
      if (rank == shape.length) {
        throw ServiceException.invalid("a shape has at most 8 dimensions");
      }
      shape[rank++] = parser.getLongValue();
    }
    return Arrays.copyOf(shape, rank);
  }

  private static Map<String, Object> parameters(JsonParser parser) throws IOException {
    require(parser.currentToken(), JsonToken.START_OBJECT, "parameters");
    Map<String, Object> parameters = new HashMap<>();
    for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
      switch (parser.nextToken()) {
        case VALUE_STRING -> parameters.put(field, parser.getText());
        case VALUE_TRUE, VALUE_FALSE -> parameters.put(field, parser.getBooleanValue());
        case VALUE_NUMBER_INT -> parameters.put(field, parser.getLongValue());
        case VALUE_NUMBER_FLOAT -> parameters.put(field, parser.getDoubleValue());
        default -> parser.skipChildren();
      }
      Parameters.checkCount(parameters.size());
    }
    return parameters;
  }

  /** Arrays within arrays, or one; numbers or, for BYTES, texts in Base64. */
  private static void readData(JsonParser parser, Draft draft) throws IOException {
    require(parser.currentToken(), JsonToken.START_ARRAY, "data");
    float[] floats = new float[16];
    List<byte[]> strings = new ArrayList<>();
    int count = 0;
    for (int depth = 1; depth > 0; ) {
      JsonToken token = parser.nextToken();
      switch (token == null ? JsonToken.NOT_AVAILABLE : token) {
        case START_ARRAY -> depth++;
        case END_ARRAY -> depth--;
        case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> {
          if (count == floats.length) {
            floats = Arrays.copyOf(floats, 2 * count);
          }
          floats[count++] = parser.getFloatValue();
        }
        case VALUE_STRING -> {
          Datatypes.checkStrings(strings.size() + 1);
          strings.add(parser.getBinaryValue());
        }
        default ->
            throw ServiceException.invalid(
                "data is made of numbers, or of texts in Base64 for BYTES");
      }
    }
    if (count > 0 && !strings.isEmpty()) {
      throw ServiceException.invalid("data is made of numbers or of texts, not of both");
    }
    draft.floats = Arrays.copyOf(floats, count);
    draft.strings = strings;
  }

  private static String name(Draft draft, String what) {
    if (draft.name == null) {
      throw ServiceException.invalid(what + " has no name");
    }
    return draft.name;
  }

  private static InputTensor input(Draft draft, ByteBuffer binary) {
    String name = name(draft, "an input");
    String datatype = draft.datatype;
    long[] shape = draft.shape;
    if (datatype == null || shape == null) {
      throw ServiceException.invalid(
          "input '%s' has no %s".formatted(name, datatype == null ? "datatype" : "shape"));
    }
    float[] floats = draft.floats;
    List<byte[]> strings = draft.strings;
    if (draft.parameters.containsKey("binary_data_size")) {
      int size = Parameters.count(draft.parameters, "binary_data_size");
      if (floats != null) {
        throw ServiceException.invalid(
            "input '%s' has both data and binary_data_size".formatted(name));
      }
      if (size > binary.remaining()) {
        throw ServiceException.invalid(
            "input '%s' has a binary_data_size of %d, but %d bytes are left behind the JSON"
                .formatted(name, size, binary.remaining()));
      }
      InputTensor input =
          Datatypes.read(name, datatype, shape, binary.slice(binary.position(), size));
      binary.position(binary.position() + size);
      return input;
    }
    if (floats == null || strings == null) {
      throw ServiceException.invalid(
          "input '%s' has no data, and no parameter binary_data_size".formatted(name));
    }
    return switch (datatype) {
      case Datatypes.FP32 -> {
        if (!strings.isEmpty()) {
          throw ServiceException.invalid("input '%s' has texts, but is FP32".formatted(name));
        }
        yield new InputTensor.Floats(name, shape, floats);
      }
      case Datatypes.BYTES -> {
        if (floats.length > 0) {
          throw ServiceException.invalid(
              "input '%s' has numbers, but is BYTES: give texts in Base64".formatted(name));
        }
        yield new InputTensor.Bytes(name, shape, strings);
      }
      default -> throw Datatypes.unknown(name, datatype);
    };
  }
}
