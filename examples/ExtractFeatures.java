import io.resfuse.Model;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** Uses a ResNet as a backbone: the outputs of its stages, for detection or segmentation. */
public class ExtractFeatures {
  public static void main(String[] arguments) {
    try (Engine engine = Engines.open(Engines.AUTO, EngineOptions.defaults());
        Model model =
            Model.load(
                engine,
                PretrainedModel.RESNET50_IMAGENET.open(ProgressListener.NONE),
                Precision.FP32)) {
      var image = new ImageDecoder().read(Path.of(arguments[0]));
      model
          .run(List.of(image), Set.of("c2", "c3", "c4", "c5"))
          .forEach((stage, features) -> System.out.println(stage + " " + features.shape()));
    }
  }
}
