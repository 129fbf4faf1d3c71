package io.resfuse.server.repository;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.resfuse.batch.BatchOptions;
import io.resfuse.model.NetworkConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code resfuse.yaml} beside a model says that its weights do not. Everything may be left
 * out.
 *
 * @param network whose weights they are, where the file does not say so
 * @param classes of that network
 * @param preprocessing a preset's name; as the weights say if there is none
 * @param labels a file in the model's folder with one name per class
 * @param outputs of the network that may be asked for; its logits if there are none
 * @param precision of the computation
 * @param batchSizes preferred sizes of batches
 * @param maxQueueDelayMicroseconds how long a request waits for others
 * @param maxQueueSize how many images may wait
 * @param priorityLevels how many there are
 */
public record ModelConfig(
    @Nullable String network,
    @Nullable Integer classes,
    @Nullable String preprocessing,
    @Nullable String labels,
    @Nullable List<String> outputs,
    @Nullable String precision,
    @JsonProperty("batch_sizes") @Nullable List<Integer> batchSizes,
    @JsonProperty("max_queue_delay_microseconds") @Nullable Long maxQueueDelayMicroseconds,
    @JsonProperty("max_queue_size") @Nullable Integer maxQueueSize,
    @JsonProperty("priority_levels") @Nullable Integer priorityLevels) {
  /** What the file is called. */
  public static final String FILE = "resfuse.yaml";

  /** Of a model without one. */
  static final ModelConfig NONE =
      new ModelConfig(null, null, null, null, null, null, null, null, null, null);

  private static final ObjectMapper MAPPER =
      new YAMLMapper().enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  /**
   * Reads the file of a folder, if there is one.
   *
   * @param folder of a model
   * @return what it says
   * @throws IllegalArgumentException if it is none; one line says where
   */
  static ModelConfig in(Path folder) {
    Path file = folder.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      return NONE;
    }
    try {
      String text = Files.readString(file);
      ModelConfig config = text.isBlank() ? null : MAPPER.readValue(text, ModelConfig.class);
      return config == null ? NONE : config;
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + ": " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The network whose weights they are; null for that of the file. */
  @Nullable NetworkConfig networkConfig() {
    NetworkConfig named = network == null ? null : NetworkConfig.of(network);
    return named == null || classes == null ? named : named.withClasses(classes);
  }

  /** How batches are formed, where it differs from what holds for all models. */
  BatchOptions batching(BatchOptions usual) {
    BatchOptions options = usual;
    if (maxQueueSize != null) {
      options = options.withQueueSize(maxQueueSize);
    }
    if (batchSizes != null) {
      options = options.withPreferredBatchSizes(batchSizes);
    }
    if (maxQueueDelayMicroseconds != null) {
      options =
          options.withMaxQueueDelay(Duration.of(maxQueueDelayMicroseconds, ChronoUnit.MICROS));
    }
    return priorityLevels == null ? options : options.withPriorities(priorityLevels);
  }
}
