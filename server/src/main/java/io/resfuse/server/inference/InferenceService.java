package io.resfuse.server.inference;

import io.resfuse.Model;
import io.resfuse.Prediction;
import io.resfuse.batch.Batcher;
import io.resfuse.batch.RequestOptions;
import io.resfuse.server.metrics.ModelMetrics;
import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.protocol.InferenceRequest;
import io.resfuse.server.protocol.InferenceResponse;
import io.resfuse.server.protocol.InputTensor;
import io.resfuse.server.protocol.OutputTensor;
import io.resfuse.server.protocol.RequestedOutput;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.TensorMetadata;
import io.resfuse.server.repository.ModelRepository;
import io.resfuse.server.repository.ServedModel;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Answers requests, whatever protocol they came by: the images of a request go into the queue of
 * its model one by one, so that those of several requests run in one batch. Thread-safe.
 */
public final class InferenceService {
  private final ModelRepository repository;
  private final Work work;
  private final ServerMetrics metrics;

  /**
   * For the models of a repository.
   *
   * @param repository the models
   * @param work counts requests, and refuses what is too much
   * @param metrics counts what is refused before it is known which model it is for
   */
  public InferenceService(ModelRepository repository, Work work, ServerMetrics metrics) {
    this.repository = repository;
    this.work = work;
    this.metrics = metrics;
  }

  /**
   * Counts a request that does not come as far as {@link #infer}.
   *
   * @param failure why
   * @return what the sender is told
   */
  public ServiceException refuse(Throwable failure) {
    ServiceException translated = Failures.of(failure);
    metrics.refused(translated.kind());
    return translated;
  }

  /**
   * Answers a request.
   *
   * @param request not changed until it is answered
   * @param executor puts the answer together, and runs what depends on it: it is given one task at
   *     most, when the last image has run, or the first has failed
   * @return the answer; fails with a {@link ServiceException} if the request is not answered.
   *     Cancelling it takes the request's images out of the queue
   * @throws ServiceException if it can be seen at once that the request cannot be answered
   */
  public CompletableFuture<InferenceResponse> infer(InferenceRequest request, Executor executor) {
    try {
      work.begin();
    } catch (ServiceException e) {
      throw refuse(e);
    }
    ServedModel model;
    try {
      model = repository.acquire(request.model(), request.version());
    } catch (RuntimeException e) {
      work.end();
      throw refuse(e);
    }
    ModelMetrics counts = model.metrics();
    long begin = System.nanoTime();
    counts.began();
    CompletableFuture<InferenceResponse> answer = new CompletableFuture<>();
    // What is given back depends on the count, so that whoever has the answer has left its place.
    CompletableFuture<InferenceResponse> counted =
        answer.whenComplete(
            (response, failure) -> {
              long nanos = System.nanoTime() - begin;
              if (failure == null) {
                counts.succeeded(nanos);
              } else {
                counts.failed(Failures.of(failure).kind(), nanos);
              }
              work.end();
            });
    try {
      List<RequestedOutput> outputs = outputs(model, request);
      InputTensor input = input(model, request);
      int count = count(model, input);
      RequestOptions how = options(model, request);
      List<CompletableFuture<Map<String, HostTensor>>> images =
          submit(model, input, count, how, answer);
      whenRun(images)
          .whenComplete(
              (done, failure) ->
                  executor.execute(
                      () -> complete(answer, failure, model, request, images, outputs)));
    } catch (RuntimeException | Error e) {
      ServiceException failure = Failures.of(e);
      answer.completeExceptionally(failure);
      throw failure;
    } finally {
      // A batcher that is closed still runs what it has.
      model.release();
    }
    counted.whenComplete(
        (response, failure) -> {
          if (failure != null) {
            // Cancelled by whoever asked; else it is done already.
            answer.completeExceptionally(failure);
          }
        });
    return counted;
  }

  /** Has the images run; those that wait leave the queue when the answer fails. */
  private static List<CompletableFuture<Map<String, HostTensor>>> submit(
      ServedModel model,
      InputTensor input,
      int count,
      RequestOptions how,
      CompletableFuture<InferenceResponse> answer) {
    List<CompletableFuture<Map<String, HostTensor>>> images = new ArrayList<>(count);
    answer.whenComplete(
        (response, failure) -> {
          if (failure != null) {
            images.forEach(image -> image.cancel(false));
          }
        });
    for (int i = 0; i < count; i++) {
      images.add(submit(model, input, i, how));
    }
    return images;
  }

  /** Done when all images have run; fails with the first that does. */
  private static CompletableFuture<Void> whenRun(
      List<CompletableFuture<Map<String, HostTensor>>> images) {
    CompletableFuture<Void> all =
        CompletableFuture.allOf(images.toArray(CompletableFuture<?>[]::new));
    if (images.size() > 1) {
      for (CompletableFuture<Map<String, HostTensor>> image : images) {
        image.whenComplete(
            (values, failure) -> {
              if (failure != null) {
                all.completeExceptionally(failure);
              }
            });
      }
    }
    return all;
  }

  private static void complete(
      CompletableFuture<InferenceResponse> answer,
      @Nullable Throwable failure,
      ServedModel model,
      InferenceRequest request,
      List<CompletableFuture<Map<String, HostTensor>>> images,
      List<RequestedOutput> outputs) {
    if (failure != null) {
      answer.completeExceptionally(Failures.of(failure));
      return;
    }
    try {
      long begin = System.nanoTime();
      InferenceResponse response = response(model, request, images, outputs);
      model.metrics().written(System.nanoTime() - begin);
      answer.complete(response);
    } catch (RuntimeException | Error e) {
      answer.completeExceptionally(Failures.of(e));
    }
  }

  private static CompletableFuture<Map<String, HostTensor>> submit(
      ServedModel model, InputTensor input, int index, RequestOptions how) {
    Batcher batcher = model.batcher();
    if (input instanceof InputTensor.Bytes pictures) {
      return batcher.submit(pictures.elements().get(index), how);
    }
    float[] all = ((InputTensor.Floats) input).elements();
    long[] shape = input.shape();
    Shape image = Shape.of((int) shape[1], (int) shape[2], (int) shape[3]);
    int size = (int) image.elements();
    FloatBuffer elements =
        size == all.length
            ? FloatBuffer.wrap(all)
            : FloatBuffer.wrap(Arrays.copyOfRange(all, index * size, (index + 1) * size));
    return batcher.submit(HostTensor.of(image, elements), how);
  }

  private static List<RequestedOutput> outputs(ServedModel model, InferenceRequest request) {
    if (request.outputs().isEmpty()) {
      return model.outputs().keySet().stream()
          .map(name -> new RequestedOutput(name, 0, request.allBinary()))
          .toList();
    }
    // Each as numbers and as classes.
    int most = 2 * model.outputs().size();
    if (request.outputs().size() > most) {
      throw ServiceException.invalid(
          "a request asks model '%s' for at most %d outputs, got %d"
              .formatted(model.name(), most, request.outputs().size()));
    }
    for (RequestedOutput output : request.outputs()) {
      if (!model.outputs().containsKey(output.name())) {
        throw ServiceException.invalid(
            "model '%s' has no output '%s'; it has %s"
                .formatted(model.name(), output.name(), model.outputs().keySet()));
      }
      if (output.classes() > 0 && !model.outputs().containsKey(ServedModel.LOGITS)) {
        throw ServiceException.invalid(
            "output '%s' has no classes: model '%s' gives features"
                .formatted(output.name(), model.name()));
      }
      boolean ofClasses =
          output.name().equals(ServedModel.LOGITS)
              || output.name().equals(ServedModel.PROBABILITIES);
      if (output.classes() > 0 && !ofClasses) {
        throw ServiceException.invalid(
            "output '%s' is not one number per class; ask for the classification of %s"
                .formatted(output.name(), ServedModel.LOGITS));
      }
    }
    return request.outputs();
  }

  private static InputTensor input(ServedModel model, InferenceRequest request) {
    if (request.inputs().size() != 1) {
      throw ServiceException.invalid(
          "a request has one input, %s; got %d".formatted(inputs(model), request.inputs().size()));
    }
    InputTensor input = request.inputs().get(0);
    TensorMetadata known =
        model.inputs().stream()
            .filter(each -> each.name().equals(input.name()))
            .findFirst()
            .orElseThrow(
                () ->
                    ServiceException.invalid(
                        "model '%s' has no input '%s'; give %s"
                            .formatted(model.name(), input.name(), inputs(model))));
    if (!known.datatype().equals(input.datatype())) {
      throw ServiceException.invalid(
          "input '%s' has datatype %s, got %s"
              .formatted(input.name(), known.datatype(), input.datatype()));
    }
    return input;
  }

  private static String inputs(ServedModel model) {
    return String.join(
        " or ",
        model.inputs().stream().map(each -> each.name() + " (" + each.datatype() + ")").toList());
  }

  /** How many images an input has, after its shape was held against its elements. */
  private static int count(ServedModel model, InputTensor input) {
    long[] shape = input.shape();
    long elements;
    if (input instanceof InputTensor.Bytes pictures) {
      elements = pictures.elements().size();
      boolean fits = shape.length == 1 || (shape.length == 2 && shape[1] == 1);
      if (!fits || shape[0] != elements) {
        throw ServiceException.invalid(
            "input '%s' has shape [number of pictures], got %s with %d elements"
                .formatted(input.name(), Arrays.toString(shape), elements));
      }
    } else {
      List<Long> known = model.inputs().get(1).shape();
      boolean fits = shape.length == known.size();
      for (int axis = 1; fits && axis < shape.length; axis++) {
        fits = shape[axis] == known.get(axis);
      }
      elements = ((InputTensor.Floats) input).elements().length;
      long each = known.get(1) * known.get(2) * known.get(3);
      // By division, since a count may be of any size.
      if (!fits || elements % each != 0 || shape[0] != elements / each) {
        throw ServiceException.invalid(
            "input '%s' has shape %s, got %s with %d elements"
                .formatted(input.name(), known, Arrays.toString(shape), elements));
      }
    }
    if (shape[0] < 1 || shape[0] > model.batching().queueSize()) {
      throw ServiceException.invalid(
          "a request has 1 to %d images, got %d".formatted(model.batching().queueSize(), shape[0]));
    }
    return (int) shape[0];
  }

  /** The level of requests that name none, from 0. */
  static int usualPriority(int levels) {
    return levels / 2;
  }

  private static RequestOptions options(ServedModel model, InferenceRequest request) {
    int levels = model.batching().priorities();
    if (request.priority() < 0 || request.priority() > levels) {
      throw ServiceException.invalid(
          "priorities are 1 (most urgent) to %d, or 0 for the usual one; got %d"
              .formatted(levels, request.priority()));
    }
    int priority = request.priority() == 0 ? usualPriority(levels) : (int) request.priority() - 1;
    return new RequestOptions(priority, request.timeout());
  }

  private static InferenceResponse response(
      ServedModel model,
      InferenceRequest request,
      List<CompletableFuture<Map<String, HostTensor>>> images,
      List<RequestedOutput> wanted) {
    List<Map<String, HostTensor>> values = images.stream().map(CompletableFuture::join).toList();
    List<OutputTensor> outputs = new ArrayList<>();
    for (RequestedOutput output : wanted) {
      List<HostTensor> rows = values.stream().map(value -> row(value, output.name())).toList();
      outputs.add(
          output.classes() > 0 ? classes(model, output, values, rows) : numbers(output, rows));
    }
    return new InferenceResponse(model.name(), model.version(), request.id(), outputs);
  }

  private static HostTensor row(Map<String, HostTensor> value, String output) {
    if (!output.equals(ServedModel.PROBABILITIES)) {
      return value.get(output);
    }
    HostTensor logits = value.get(ServedModel.LOGITS);
    double[] probabilities = Model.probabilities(logits);
    float[] rounded = new float[probabilities.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) probabilities[i];
    }
    return HostTensor.of(logits.shape(), rounded);
  }

  private static OutputTensor numbers(RequestedOutput output, List<HostTensor> rows) {
    int[] one = rows.get(0).shape().toArray();
    long[] shape = Arrays.stream(one).asLongStream().toArray();
    shape[0] = rows.size();
    int size = (int) rows.get(0).shape().elements();
    float[] elements = new float[Math.multiplyExact(size, rows.size())];
    for (int i = 0; i < rows.size(); i++) {
      rows.get(i).buffer().get(elements, i * size, size);
    }
    return new OutputTensor(output.name(), shape, elements, List.of(), output.binary());
  }

  /** As Triton writes them: the value, the number of the class, and its name if it has one. */
  private static OutputTensor classes(
      ServedModel model,
      RequestedOutput output,
      List<Map<String, HostTensor>> values,
      List<HostTensor> rows) {
    List<String> texts = new ArrayList<>();
    int top = Math.min(output.classes(), (int) rows.get(0).shape().elements());
    for (int i = 0; i < rows.size(); i++) {
      HostTensor logits = values.get(i).get(ServedModel.LOGITS);
      for (Prediction best : model.predictions(logits, top)) {
        String text =
            String.format(Locale.ROOT, "%f:%d", rows.get(i).get(best.index()), best.index());
        texts.add(model.isLabelled() ? text + ":" + best.label() : text);
      }
    }
    return new OutputTensor(
        output.name(), new long[] {rows.size(), top}, new float[0], texts, output.binary());
  }
}
