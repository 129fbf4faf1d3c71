package io.resfuse.train.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Optimizer;
import io.resfuse.model.ResNetConfig;
import io.resfuse.train.TestJobs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeReaderTest {
  @TempDir Path folder;

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("recipe.yaml"), text);
  }

  @Test
  void nothingIsTheDefaults() throws IOException {
    assertThat(RecipeReader.read(null, Map.of())).isEqualTo(TrainingRecipe.defaults());
    assertThat(RecipeReader.read(file("# nothing\n"), Map.of()))
        .isEqualTo(TrainingRecipe.defaults());
  }

  @Test
  void readsYamlAndOptionsOverIt() throws IOException {
    Path yaml =
        file(
            """
            network: resnet56
            epochs: 12
            optimizer: {kind: sgd, nesterov: true, weight_decay: 5e-4, decay_norms_and_biases: false}
            schedule:
              kind: one-cycle
              learning_rate: 0.2
            augment: {padding: 2, flip: 0.5}
            transfer: {weights: some.safetensors, freeze: [stem, layer1], rates: {layer2: 0.1}}
            """);
    TrainingRecipe recipe =
        RecipeReader.read(yaml, Map.of("schedule.learning_rate", "0.3", "seed", "7"));
    assertThat(recipe.network()).isEqualTo("resnet56");
    assertThat(recipe.epochs()).isEqualTo(12);
    assertThat(recipe.seed()).isEqualTo(7);
    assertThat(recipe.optimizer().weightDecay()).isEqualTo(5e-4);
    assertThat(recipe.optimizer().nesterov()).isTrue();
    assertThat(recipe.schedule().kind()).isEqualTo(ScheduleRecipe.Kind.ONE_CYCLE);
    assertThat(recipe.schedule().learningRate()).isEqualTo(0.3);
    assertThat(recipe.augment().padding()).isEqualTo(2);
    assertThat(recipe.transfer().freeze()).containsExactly("stem", "layer1");
    assertThat(recipe.transfer().rates()).containsEntry("layer2", 0.1);
    assertThat(RecipeReader.fromJson(RecipeReader.toJson(recipe))).isEqualTo(recipe);
  }

  @Test
  void readsJson() throws IOException {
    assertThat(RecipeReader.read(file("{\"batch\": 64}"), Map.of()).batch()).isEqualTo(64);
  }

  @Test
  void aLinePerMistake() throws IOException {
    Path yaml =
        file(
            """
            epoch: 3
            batch: many
            optimizer: {momentun: 0.9, nesterov: 3}
            schedule: [1]
            accumulate: 1.5
            """);
    assertThatThrownBy(() -> RecipeReader.read(yaml, Map.of("seed", "[")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            yaml
                + " cannot be used:\n"
                + "  there is no 'epoch'; did you mean 'epochs'?\n"
                + "  batch is \"many\"; a whole number is needed\n"
                + "  there is no 'optimizer.momentun'; did you mean 'optimizer.momentum'?\n"
                + "  optimizer.nesterov is 3; true or false is needed\n"
                + "  schedule needs names with values, got [1]\n"
                + "  accumulate is 1.5; a whole number is needed\n"
                + "  seed=[: the value is not YAML");
  }

  @Test
  void rangesAreChecked() {
    assertThatThrownBy(
            () ->
                RecipeReader.read(
                    null,
                    Map.of("epochs", "0", "label_smoothing", "1", "optimizer.momentum", "-1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("epochs must be at least 1")
        .hasMessageContaining("label_smoothing must be at least 0 and below 1, got 1.0")
        .hasMessageContaining("optimizer.momentum must be between 0.0 and 1.0, got -1.0");
    assertThatThrownBy(() -> RecipeReader.read(null, Map.of("schedule.kind", "sine")))
        .hasMessage(
            "the options cannot be used: schedule.kind is 'sine'; there are constant, step, cosine,"
                + " one-cycle");
    assertThatThrownBy(() -> RecipeReader.read(null, Map.of("precision", "fp33")))
        .hasMessageContaining("no precision 'fp33'");
  }

  @Test
  void filesThatAreNoRecipes() throws IOException {
    Path broken = file("epochs: [");
    assertThatThrownBy(() -> RecipeReader.read(broken, Map.of()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("is not YAML")
        .hasMessageContaining("line");
    assertThatThrownBy(() -> RecipeReader.read(folder.resolve("none.yaml"), Map.of()))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("cannot be read");
  }

  /** Their checkpoints go on. */
  @Test
  void recipesOfFormerVersionsHaveOneShard() {
    TrainingRecipe recipe = TrainingRecipe.defaults();
    String former = RecipeReader.toJson(recipe).replaceFirst("\\s*\"shards\" : 1,", "");
    assertThat(former).doesNotContain("shards");
    assertThat(RecipeReader.fromJson(former)).isEqualTo(recipe);
  }

  @Test
  void recipesOfFormerVersionsDoNotScale() {
    TrainingRecipe recipe = TrainingRecipe.defaults();
    String former =
        RecipeReader.toJson(recipe)
            .replaceFirst("\\s*\"auxiliary_weight\" : 0.5,", "")
            .replaceFirst("\\s*\"scale\" : 0.0,", "");
    assertThat(former).doesNotContain("auxiliary", "\"scale\"");
    assertThat(RecipeReader.fromJson(former)).isEqualTo(recipe);
    assertThatThrownBy(
            () ->
                RecipeReader.read(
                    null, Map.of("augment.scale", "0.5", "augment.resized_crop", "true")))
        .hasMessageContaining("augment.scale must be above 1, or 0 for none, got 0.5")
        .hasMessageContaining("augment.scale and augment.resized_crop exclude each other");
  }

  @Test
  void namesWhatDiffers() {
    assertThat(
            RecipeReader.differences(
                TestJobs.recipe(), TestJobs.recipe("epochs=4", "schedule.rise=0.5")))
        .isEqualTo(List.of("epochs: 3 -> 4", "schedule.rise: 0.3 -> 0.5"));
  }

  @Test
  void optimizersLeaveOutNormsAndBiasesOnRequest() {
    NetworkSpec network = ResNetConfig.of("resnet8").build();
    TrainingRecipe recipe =
        TestJobs.recipe(
            "optimizer.decay_norms_and_biases=false",
            "optimizer.weight_decay=1e-3",
            "transfer.rates.layer3=0.5");
    Optimizer optimizer = recipe.optimizer().of(network, recipe.transfer().rates());
    assertThat(optimizer.group("conv1.weight")).isEqualTo(new Optimizer.Group(1, 1e-3));
    assertThat(optimizer.group("bn1.weight")).isEqualTo(new Optimizer.Group(1, 0));
    assertThat(optimizer.group("fc.weight")).isEqualTo(new Optimizer.Group(1, 1e-3));
    assertThat(optimizer.group("fc.bias")).isEqualTo(new Optimizer.Group(1, 0));
    assertThat(optimizer.group("layer3.0.conv1.weight")).isEqualTo(new Optimizer.Group(0.5, 1e-3));
    assertThat(optimizer.group("layer3.0.bn1.bias")).isEqualTo(new Optimizer.Group(0.5, 0));
  }
}
