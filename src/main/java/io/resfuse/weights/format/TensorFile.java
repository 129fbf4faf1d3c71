package io.resfuse.weights.format;

import io.resfuse.platform.FileNames;
import io.resfuse.tensor.HostTensor;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A weight file of any format as named tensors and string metadata. Immutable and thread-safe;
 * there is nothing to close. Files must not be changed in place while their tensors are in use
 * (replacing one by moving another over it is fine): they are mapped, and a mapped file that is cut
 * short makes reads fail with {@link InternalError}.
 */
public final class TensorFile {
  private final Path path;
  private final WeightFormat format;
  private final Map<String, String> metadata;
  private final Map<String, StoredTensor> tensors;
  private final List<String> notes;
  private final List<String> otherModels;
  private final @Nullable OnnxModel graph;

  /**
   * A file whose table of contents was read.
   *
   * @param path where it is
   * @param format what it is
   * @param metadata what it says besides the tensors
   * @param tensors by name, in the file's order
   */
  public TensorFile(
      Path path,
      WeightFormat format,
      Map<String, String> metadata,
      Map<String, StoredTensor> tensors) {
    this(path, format, metadata, tensors, List.of(), List.of(), null);
  }

  private TensorFile(
      Path path,
      WeightFormat format,
      Map<String, String> metadata,
      Map<String, StoredTensor> tensors,
      List<String> notes,
      List<String> otherModels,
      @Nullable OnnxModel graph) {
    this.path = path;
    this.format = format;
    this.metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    this.tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    this.notes = List.copyOf(notes);
    this.otherModels = List.copyOf(otherModels);
    this.graph = graph;
  }

  /**
   * The same file with what is to be said of it.
   *
   * @param newNotes see {@link #notes}
   * @param newOtherModels see {@link #otherModels}
   * @return a changed copy
   */
  TensorFile withNotes(List<String> newNotes, List<String> newOtherModels) {
    return new TensorFile(path, format, metadata, tensors, newNotes, newOtherModels, graph);
  }

  /** The same file with the graph that it is. */
  TensorFile withGraph(OnnxModel newGraph) {
    return new TensorFile(path, format, metadata, tensors, notes, otherModels, newGraph);
  }

  /**
   * Opens a weight file; the format is recognised by its contents, never by its name. Reads the
   * table of contents only, but for compressed archives, which are unpacked.
   *
   * @param path a file, or a folder with a {@code model.json}
   * @return what is in it
   * @throws WeightsException if it cannot be read, is of no known format, or is damaged
   */
  public static TensorFile open(Path path) {
    return FormatDetector.open(path);
  }

  /**
   * Opens a safetensors file that is in memory.
   *
   * @param name for messages
   * @param content not to be changed any more
   * @return what is in it
   * @throws WeightsException if it is damaged
   */
  public static TensorFile of(Path name, byte[] content) {
    return SafetensorsReader.read(MappedFile.of(name, content));
  }

  /**
   * Where it was read from.
   *
   * @return the path as given
   */
  public Path path() {
    return path;
  }

  /**
   * What it is.
   *
   * @return the format found
   */
  public WeightFormat format() {
    return format;
  }

  /**
   * What the file says besides the tensors.
   *
   * @return unmodifiable, perhaps empty
   */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * All tensors by name.
   *
   * @return unmodifiable, in the file's order
   */
  public Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /**
   * What was chosen or left out when it was read, for people.
   *
   * @return one sentence each, perhaps none
   */
  public List<String> notes() {
    return notes;
  }

  /**
   * The prefixes of tensors that belong to other models than the first: a checkpoint may keep an
   * average of the weights beside them.
   *
   * @return for example {@code model_ema.}; perhaps none
   */
  public List<String> otherModels() {
    return otherModels;
  }

  /**
   * The graph, if the file is one.
   *
   * @return of an ONNX file; null of any other
   */
  public @Nullable OnnxModel graph() {
    return graph;
  }

  /**
   * Reads one tensor.
   *
   * @param name a key of {@link #tensors()}
   * @return its elements as float32
   * @throws WeightsException if there is none of that name or it cannot be read
   */
  public HostTensor load(String name) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw WeightsException.of(
          path,
          "there is no tensor '" + name + "' among its " + tensors.size(),
          "list them with tensors()");
    }
    return tensor.load();
  }

  @Override
  public String toString() {
    return FileNames.shown(path) + ": " + format.title() + ", " + tensors.size() + " tensors";
  }
}
