package io.resfuse.cli;

import io.resfuse.data.dataset.Npy;
import io.resfuse.engine.Engine;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.platform.FileNames;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code resfuse gradients}. */
@Command(
    name = "gradients",
    description =
        "Runs one training pass, forward and backward, and writes logits, loss, all gradients and the"
            + " new running statistics as safetensors, to be held against another framework's.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Tensors written: logits, loss, PARAMETER.grad, input.grad, and running statistics by their names.",
    })
final class GradientsCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--images",
      required = true,
      paramLabel = "FILE.npy",
      description =
          "Take the images from this file (required): batch x channels x height x width, float32,"
              + " preprocessed.")
  private Path images;

  @Option(
      names = "--labels",
      required = true,
      split = ",",
      paramLabel = "CLASS",
      description = "The class of each image (required): 3,1,4.")
  private int[] labels;

  @Mixin private ModelChoice modelChoice;

  @Option(
      names = "--smoothing",
      paramLabel = "SHARE",
      description = "How much of a label is spread over all classes (default: ${DEFAULT-VALUE}).")
  private double smoothing;

  @Option(
      names = {"-o", "--to"},
      required = true,
      paramLabel = "FILE.safetensors",
      description = "Write the result to this file (required).")
  private Path target;

  @Mixin private EngineChoice engineChoice;

  @Override
  public Integer call() throws IOException {
    OutputFiles.requireWritable(target);
    OutputFiles.requireOther(target, images, modelChoice.file());
    HostTensor batch = Npy.read(images);
    Shape shape = batch.shape();
    ModelFile file = modelChoice.open();
    NetworkSpec network = file.network();
    if (shape.rank() != 4
        || shape.dimension(1) != network.input().channels()
        || shape.dimension(0) != labels.length) {
      throw new IllegalArgumentException(
          FileNames.shown(images)
              + ": "
              + labels.length
              + " labels need images of shape "
              + labels.length
              + "x"
              + network.input().channels()
              + "xHxW, got "
              + shape);
    }
    Map<String, HostTensor> results = new LinkedHashMap<>();
    try (Engine engine = engineChoice.open();
        TrainingPlan plan =
            engine.planTraining(
                network,
                file.parameters(),
                new TrainingOptions(
                    shape.dimension(0),
                    shape.dimension(2),
                    shape.dimension(3),
                    TensorLayout.NCHW,
                    engineChoice.precision(engine, Engine.Mode.TRAINING),
                    Set.of("logits"),
                    Set.of(),
                    true,
                    Optimizer.Sgd.standard()))) {
      plan.input().put(0, batch.buffer(), 0, Math.toIntExact(shape.elements()));
      plan.forward();
      double loss = plan.softmaxCrossEntropy(labels, smoothing);
      plan.backward(false);
      results.put("loss", HostTensor.of(Shape.of(1), (float) loss));
      results.put(
          "logits", HostTensor.of(plan.outputShape("logits"), plan.output("logits")).copy());
      results.put("input.grad", HostTensor.of(shape, plan.inputGradient()).copy());
      io.resfuse.engine.Parameters after = io.resfuse.engine.Parameters.zeros(network);
      plan.readParameters(after);
      for (ParameterSpec parameter : network.parameters().values()) {
        if (parameter.isTrainable()) {
          HostTensor gradient = HostTensor.zeros(parameter.shape());
          plan.readGradient(parameter.name(), gradient);
          results.put(
              parameter.name() + ".grad",
              HostTensor.of(file.config().storedShape(parameter), gradient.buffer()));
        } else {
          results.put(parameter.name(), after.get(parameter));
        }
      }
      spec.commandLine()
          .getOut()
          .printf("loss %.9g, gradient norm %.9g%n", loss, plan.gradientNorm());
    }
    SafetensorsWriter.write(target, results, Map.of());
    spec.commandLine()
        .getOut()
        .println(FileNames.shown(target) + ": " + results.size() + " tensors");
    spec.commandLine().getOut().flush();
    return 0;
  }
}
