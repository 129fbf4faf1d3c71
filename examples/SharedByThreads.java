import io.resfuse.Model;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/** One model, many threads: they share the weights and take turns with its plan. */
public class SharedByThreads {
  public static void main(String[] arguments) throws InterruptedException {
    try (Engine engine = Engines.open(Engines.AUTO, EngineOptions.defaults());
        Model model =
            Model.load(
                engine,
                PretrainedModel.RESNET50_IMAGENET.open(ProgressListener.NONE),
                Precision.FP32)) {
      Thread[] threads =
          Arrays.stream(arguments)
              .flatMap(picture -> Stream.of(picture, picture))
              .map(
                  picture ->
                      new Thread(
                          () ->
                              System.out.println(
                                  picture + ": " + model.classify(Path.of(picture), 1).get(0))))
              .toArray(Thread[]::new);
      for (Thread thread : threads) {
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
  }
}
