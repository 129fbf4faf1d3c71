package io.resfuse.server.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.resfuse.server.grpc.proto.InferParameter;
import io.resfuse.server.grpc.proto.InferTensorContents;
import io.resfuse.server.grpc.proto.ModelInferRequest;
import io.resfuse.server.grpc.proto.ModelInferRequest.InferInputTensor;
import io.resfuse.server.grpc.proto.ModelInferResponse;
import io.resfuse.server.grpc.proto.ModelInferResponse.InferOutputTensor;
import io.resfuse.server.protocol.Datatypes;
import io.resfuse.server.protocol.InferenceRequest;
import io.resfuse.server.protocol.InferenceResponse;
import io.resfuse.server.protocol.InputTensor;
import io.resfuse.server.protocol.OutputTensor;
import io.resfuse.server.protocol.Parameters;
import io.resfuse.server.protocol.RequestedOutput;
import io.resfuse.server.protocol.ServiceException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Messages of the protocol as requests, and answers as messages. */
final class GrpcTensors {
  private GrpcTensors() {}

  /**
   * Reads a request.
   *
   * @param message as it was sent
   * @param timeLeft until the deadline of the call; null if it has none
   * @throws ServiceException if it is none
   */
  static InferenceRequest read(ModelInferRequest message, @Nullable Duration timeLeft) {
    InferenceRequest.checkCount(message.getInputsCount(), "inputs");
    InferenceRequest.checkCount(message.getOutputsCount(), "outputs");
    List<ByteString> raw = message.getRawInputContentsList();
    if (!raw.isEmpty() && raw.size() != message.getInputsCount()) {
      throw ServiceException.invalid(
          "raw_input_contents are of all inputs or of none, got %d for %d inputs"
              .formatted(raw.size(), message.getInputsCount()));
    }
    List<InputTensor> inputs = new ArrayList<>();
    for (int i = 0; i < message.getInputsCount(); i++) {
      InferInputTensor input = message.getInputs(i);
      if (raw.isEmpty()) {
        inputs.add(contents(input));
      } else if (input.hasContents()) {
        throw ServiceException.invalid(
            "input '%s' has both contents and raw_input_contents".formatted(input.getName()));
      } else {
        inputs.add(
            Datatypes.read(
                input.getName(),
                input.getDatatype(),
                shape(input),
                raw.get(i).asReadOnlyByteBuffer()));
      }
    }
    List<RequestedOutput> outputs = new ArrayList<>();
    for (ModelInferRequest.InferRequestedOutputTensor output : message.getOutputsList()) {
      outputs.add(
          new RequestedOutput(
              output.getName(),
              Parameters.count(parameters(output.getParametersMap()), "classification"),
              false));
    }
    Map<String, Object> parameters = parameters(message.getParametersMap());
    Duration timeout = Parameters.timeout(parameters);
    return new InferenceRequest(
        message.getModelName(),
        message.getModelVersion(),
        message.getId(),
        inputs,
        outputs,
        false,
        Parameters.priority(parameters),
        timeout == null || (timeLeft != null && timeLeft.compareTo(timeout) < 0)
            ? timeLeft
            : timeout);
  }

  private static long[] shape(InferInputTensor input) {
    return input.getShapeList().stream().mapToLong(Long::longValue).toArray();
  }

  private static InputTensor contents(InferInputTensor input) {
    InferTensorContents contents = input.getContents();
    return switch (input.getDatatype()) {
      case Datatypes.FP32 -> {
        float[] elements = new float[contents.getFp32ContentsCount()];
        for (int i = 0; i < elements.length; i++) {
          elements[i] = contents.getFp32Contents(i);
        }
        yield new InputTensor.Floats(input.getName(), shape(input), elements);
      }
      case Datatypes.BYTES -> {
        Datatypes.checkStrings(contents.getBytesContentsCount());
        yield new InputTensor.Bytes(
            input.getName(),
            shape(input),
            contents.getBytesContentsList().stream().map(ByteString::toByteArray).toList());
      }
      default -> throw Datatypes.unknown(input.getName(), input.getDatatype());
    };
  }

  private static Map<String, Object> parameters(Map<String, InferParameter> messages) {
    Parameters.checkCount(messages.size());
    Map<String, Object> parameters = new HashMap<>();
    messages.forEach(
        (name, value) -> {
          switch (value.getParameterChoiceCase()) {
            case BOOL_PARAM -> parameters.put(name, value.getBoolParam());
            case INT64_PARAM -> parameters.put(name, value.getInt64Param());
            case UINT64_PARAM -> parameters.put(name, value.getUint64Param());
            case DOUBLE_PARAM -> parameters.put(name, value.getDoubleParam());
            case STRING_PARAM -> parameters.put(name, value.getStringParam());
            case PARAMETERCHOICE_NOT_SET -> {}
          }
        });
    return parameters;
  }

  /**
   * An answer as a message.
   *
   * @param response the answer
   * @param raw whether its elements are raw_output_contents, as the request's were
   */
  static ModelInferResponse write(InferenceResponse response, boolean raw) {
    ModelInferResponse.Builder message =
        ModelInferResponse.newBuilder()
            .setModelName(response.model())
            .setModelVersion(response.version())
            .setId(response.id());
    for (OutputTensor output : response.outputs()) {
      InferOutputTensor.Builder tensor =
          message.addOutputsBuilder().setName(output.name()).setDatatype(output.datatype());
      for (long dimension : output.shape()) {
        tensor.addShape(dimension);
      }
      if (raw) {
        message.addRawOutputContents(UnsafeByteOperations.unsafeWrap(Datatypes.write(output)));
      } else {
        InferTensorContents.Builder contents = tensor.getContentsBuilder();
        for (float element : output.elements()) {
          contents.addFp32Contents(element);
        }
        output.texts().forEach(text -> contents.addBytesContents(ByteString.copyFromUtf8(text)));
      }
    }
    return message.build();
  }
}
