import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import java.util.Random;

/**
 * Trains a small ResNet on one batch of noise for some steps: the loss must fall. Arguments, if
 * any: engine, device and precision.
 */
public class ForwardBackward {
  public static void main(String[] arguments) {
    String name = arguments.length > 0 ? arguments[0] : Engines.AUTO;
    String device = arguments.length > 1 ? arguments[1] : "";
    Precision precision = arguments.length > 2 ? Precision.parse(arguments[2]) : Precision.FP32;
    int batch = 16;
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    Random random = new Random(1);
    int[] labels = random.ints(batch, 0, 10).toArray();
    try (Engine engine = Engines.open(name, new EngineOptions(0, device));
        TrainingPlan plan =
            engine.planTraining(
                network,
                Initializer.seeded(1).initialize(network),
                TrainingOptions.standard(batch, 32, precision))) {
      System.out.println(engine.name() + " in " + precision + ": " + engine.description());
      for (int i = 0; i < plan.input().capacity(); i++) {
        plan.input().put(i, (float) random.nextGaussian());
      }
      for (int step = 0; step < 10; step++) {
        plan.forward();
        double loss = plan.softmaxCrossEntropy(labels, 0);
        plan.backward(false);
        plan.update(0.05, 1);
        System.out.printf("step %d: loss %.4f, gradient norm %.4f%n", step, loss, plan.gradientNorm());
      }
      HostTensor gradient = HostTensor.zeros(network.parameters().get("conv1.weight").shape());
      plan.readGradient("conv1.weight", gradient);
      System.out.println("conv1.weight has a gradient of " + gradient.shape());
    }
  }
}
