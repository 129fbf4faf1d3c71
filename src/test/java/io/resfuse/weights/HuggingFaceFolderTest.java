package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.model.Initializer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Folders as Hugging Face's libraries write them: weights, in one file or several, and JSON. */
class HuggingFaceFolderTest {
  private static final ResNetVariant NARROW =
      new ResNetVariant(
          "resnet14_imagenet",
          ResNetVariant.BlockKind.BOTTLENECK,
          ResNetVariant.StemKind.IMAGENET,
          List.of(1, 1, 1, 1),
          List.of(4, 4, 4, 4),
          1,
          64,
          true);
  private static final ResNetConfig CONFIG = ResNetConfig.of(NARROW).withClasses(2);
  private static final String IMAGENET =
      "\"image_mean\":[0.485,0.456,0.406],\"image_std\":[0.229,0.224,0.225]";

  @TempDir Path folder;

  private Map<String, HostTensor> tensors;

  @BeforeEach
  void make() {
    tensors = new LinkedHashMap<>(Initializer.seeded(1).initialize(CONFIG.build()).asMap());
  }

  private void write(String name, String json) throws IOException {
    Files.writeString(folder.resolve(name), json);
  }

  private Path weights() {
    Path file = folder.resolve("model.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    return file;
  }

  @Test
  void takesLabelsStrideAndPreprocessingFromWhatLiesBeside() throws IOException {
    write(
        "config.json",
        """
        {"model_type": "resnet", "layer_type": "bottleneck", "depths": [1, 1, 1, 1],
         "downsample_in_first_stage": false, "downsample_in_bottleneck": true,
         "hidden_act": "relu", "id2label": {"1": "dog", "0": "tench, Tinca tinca"}}
        """);
    write(
        "preprocessor_config.json",
        "{\"crop_pct\":0.875,\"size\":{\"shortest_edge\":224},\"resample\":3," + IMAGENET + "}");
    weights();
    ModelFile opened = ModelFile.open(folder);
    assertThat(opened.config()).isEqualTo(CONFIG.withStrideInFirst1x1(true));
    assertThat(opened.metadata().labels()).containsExactly("tench, Tinca tinca", "dog");
    assertThat(opened.preset()).isEqualTo("torchvision-bicubic");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'size':224,'crop_pct':0.875,'resample':3 | torchvision-bicubic",
        "'size':224,'resample':2 | torchvision",
        "'size':{'shortest_edge':224},'crop_pct':0.95,'resample':3 | torchvision-bicubic@235:224",
        "'size':{'shortest_edge':256},'crop_size':{'height':224,'width':224},'resample':2 |"
            + " torchvision",
        "'size':{'height':224,'width':224},'crop_pct':0.9,'resample':2 | torchvision@248:224",
      })
  void preprocessingHasManyForms(String json, String preset) throws IOException {
    write("config.json", "{\"model_type\": \"resnet\"}");
    write("preprocessor_config.json", "{" + json.replace('\'', '"') + "," + IMAGENET + "}");
    assertThat(ModelFile.open(weights()).preset()).isEqualTo(preset);
  }

  @Test
  void whatNothingHereDoesIsSaid() throws IOException {
    write("config.json", "{\"model_type\": \"resnet\"}");
    write(
        "preprocessor_config.json",
        "{\"size\":224,\"resample\":3,\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]}");
    ModelFile opened = ModelFile.open(weights());
    assertThat(opened.metadata().preset()).isNull();
    assertThat(opened.report().notes()).anyMatch(note -> note.contains("mean [0.5, 0.5, 0.5]"));
  }

  @Test
  void readsTimmsDescription() throws IOException {
    write(
        "config.json",
        """
        {"architecture": "resnet50", "num_classes": 2, "pretrained_cfg": {
         "input_size": [3, 224, 224], "crop_pct": 0.95, "interpolation": "bicubic",
         "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
        """);
    assertThat(ModelFile.open(weights()).preset()).isEqualTo("torchvision-bicubic@235:224");
  }

  @Test
  void refusesWhatDoesNotRunHere() throws IOException {
    write("config.json", "{\"model_type\":\"resnet\",\"downsample_in_first_stage\":true}");
    Path file = weights();
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("its first stage halves the picture (downsample_in_first_stage)");
    write("config.json", "{\"model_type\":\"resnet\",\"hidden_act\":\"gelu\"}");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> ModelFile.open(file))
        .withMessageContaining("its activation is gelu");
    for (String name : new String[] {"resnetaa50", "seresnextaa101d_32x8d", "resnetblur50"}) {
      write("config.json", "{\"architecture\":\"" + name + "\",\"pretrained_cfg\":{}}");
      assertThatExceptionOfType(WeightsException.class)
          .isThrownBy(() -> ModelFile.open(file))
          .withMessageContaining("it is an anti-aliased network (" + name + ")");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'model_type':'vit','id2label':{'0':'a','1':'b'}}",
        "{'model_type':'resnet','id2label':{'0':'LABEL_0','1':'LABEL_1'}}",
        "{'model_type':'resnet','id2label':{'0':'a'}}",
        "no JSON",
      })
  void passesOverWhatIsOfNoUse(String json) throws IOException {
    write("config.json", json.replace('\'', '"'));
    ModelFile opened = ModelFile.open(weights());
    assertThat(opened.config()).isEqualTo(CONFIG);
    assertThat(opened.metadata().labels()).isEmpty();
  }

  /** In two files, as large models are. */
  private void split() throws IOException {
    Map<String, Map<String, HostTensor>> shards = new LinkedHashMap<>();
    List<String> places = new ArrayList<>();
    tensors.forEach(
        (name, tensor) -> {
          String shard = name.startsWith("layer") ? "model-00001-of-00002.safetensors" : "b";
          shards.computeIfAbsent(shard, key -> new LinkedHashMap<>()).put(name, tensor);
          places.add("\"" + name + "\":\"" + shard + "\"");
        });
    shards.forEach(
        (name, part) -> SafetensorsWriter.write(folder.resolve(name), part, Map.of("a", "b")));
    write(
        "model.safetensors.index.json",
        "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + String.join(",", places) + "}}");
  }

  @Test
  void readsWeightsInSeveralFiles() throws IOException {
    split();
    for (Path path : List.of(folder, folder.resolve("model.safetensors.index.json"))) {
      ModelFile opened = ModelFile.open(path);
      assertThat(opened.config()).isEqualTo(CONFIG);
      tensors.forEach(
          (name, tensor) ->
              assertThat(opened.parameters().get(name).toArray()).isEqualTo(tensor.toArray()));
    }
  }

  @Test
  void refusesBrokenIndices() throws IOException {
    split();
    Path index = folder.resolve("model.safetensors.index.json");
    Files.delete(folder.resolve("b"));
    assertIndexRefused(index, "b: there is no such file");
    write("model.safetensors.index.json", "{\"weight_map\":{\"x\":\"../model\"}}");
    assertIndexRefused(index, "'../model', which is not beside it");
    write(
        "model.safetensors.index.json",
        "{\"weight_map\":{\"x\":\"model-00001-of-00002.safetensors\"}}");
    assertIndexRefused(index, "'x' is in model-00001-of-00002.safetensors, which has no such");
    write("model.safetensors.index.json", "{\"weight_map\":{}}");
    assertIndexRefused(index, "its weight_map is empty");
    write("model.safetensors.index.json", "{}");
    assertIndexRefused(index, "it has no weight_map");
    write("model.safetensors.index.json", "{");
    assertIndexRefused(index, "not valid JSON");
  }

  private static void assertIndexRefused(Path index, String part) {
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> TensorFile.open(index))
        .withMessageContaining(part);
  }
}
