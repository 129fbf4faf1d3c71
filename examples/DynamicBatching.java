import io.resfuse.Model;
import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.Batcher;
import io.resfuse.batch.RequestOptions;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Pictures are submitted one by one, from any thread, and run in batches. */
public class DynamicBatching {
  public static void main(String[] arguments) throws IOException {
    BatchOptions options =
        BatchOptions.defaults()
            .withPreferredBatchSizes(List.of(1, 4))
            .withMaxQueueDelay(Duration.ofMillis(10));
    RequestOptions inTime = RequestOptions.DEFAULT.withTimeout(Duration.ofMinutes(1));
    try (Engine engine = Engines.open(Engines.AUTO, EngineOptions.defaults());
        Model model =
            Model.load(
                engine,
                PretrainedModel.RESNET50_IMAGENET.open(ProgressListener.NONE),
                Precision.FP32);
        Batcher batcher = model.newBatcher(Set.of("logits"), options)) {
      List<CompletableFuture<String>> answers = new ArrayList<>();
      for (String picture : arguments) {
        answers.add(
            batcher
                .submit(Files.readAllBytes(Path.of(picture)), inTime)
                .thenApply(outputs -> model.predictions(outputs.get("logits"), 1).get(0).toString())
                .exceptionally(failure -> failure.getCause().getMessage()));
      }
      answers.forEach(answer -> System.out.println(answer.join()));
    }
  }
}
