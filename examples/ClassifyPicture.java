import io.resfuse.Model;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.nio.file.Path;

/** Says what a picture shows. Argument: the picture. */
public class ClassifyPicture {
  public static void main(String[] arguments) {
    try (Engine engine = Engines.open(Engines.AUTO, EngineOptions.defaults());
        Model model =
            Model.load(
                engine,
                PretrainedModel.RESNET50_IMAGENET.open(ProgressListener.NONE),
                Precision.FP32)) {
      model.classify(Path.of(arguments[0]), 5).forEach(System.out::println);
    }
  }
}
