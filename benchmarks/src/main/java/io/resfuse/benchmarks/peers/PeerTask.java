package io.resfuse.benchmarks.peers;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.verify.Parity;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.TensorFile;
import java.nio.file.Path;
import java.util.Map;

/**
 * What a peer does, as the files in which its process gets it.
 *
 * @param model the network and its parameters
 * @param images in NCHW order
 * @param labels a class per image
 * @param training a step of forward, loss, backward and SGD with momentum, rather than inference
 * @param threads of the peer
 */
record PeerTask(
    ModelFile model, HostTensor images, HostTensor labels, boolean training, int threads) {
  private static final String MODEL = "model.safetensors";
  private static final String BATCH = "batch.safetensors";

  /**
   * Writes a task's numbers.
   *
   * @param folder gets two files
   * @param task which
   * @param precision in which the peer does it; in int8 the weights are the quantised ones that all
   *     engines get
   * @param data gives parameters, images and labels
   */
  static void write(Path folder, io.resfuse.bench.Task task, Precision precision, Parity data) {
    NetworkSpec network = task.test().network();
    Path model = folder.resolve(MODEL);
    ModelMetadata metadata = ModelMetadata.of(task.config());
    if (precision == Precision.INT8) {
      // It calibrates unless an engine has done so before.
      try (Engine engine = Engines.open("onednn", new EngineOptions(1, ""))) {
        ModelFile.saveQuantized(
            model, metadata, data.parameters(engine, precision, task.test()), Map.of());
      }
    } else {
      ModelFile.save(model, metadata, data.parameters(network));
    }
    int batch = task.workload().batch();
    int size = task.workload().size();
    int[] classes = data.labels(task.test());
    float[] labels = new float[batch];
    for (int i = 0; i < batch; i++) {
      labels[i] = classes[i];
    }
    Shape images = Shape.of(batch, network.input().channels(), size, size);
    SafetensorsWriter.write(
        folder.resolve(BATCH),
        Map.of(
            "images", HostTensor.of(images, data.images(task.test())),
            "labels", HostTensor.of(Shape.of(batch), labels)),
        Map.of());
  }

  /** Removes what {@link #write} has written, which a process may still have mapped. */
  static void delete(Path folder) {
    folder.resolve(MODEL).toFile().delete();
    folder.resolve(BATCH).toFile().delete();
  }

  static PeerTask read(Path folder, boolean training, int threads) {
    TensorFile batch = TensorFile.open(folder.resolve(BATCH));
    return new PeerTask(
        ModelFile.open(folder.resolve(MODEL)),
        batch.load("images"),
        batch.load("labels"),
        training,
        threads);
  }

  NetworkSpec spec() {
    return model.network();
  }

  Parameters parameters() {
    return model.parameters();
  }

  int batch() {
    return images.shape().dimension(0);
  }

  /** The length of {@link Peer#answer}. */
  int logits() {
    return batch() * model.config().classes();
  }

  int[] classes() {
    int[] classes = new int[batch()];
    for (int i = 0; i < classes.length; i++) {
      classes[i] = (int) labels.get(i);
    }
    return classes;
  }
}
