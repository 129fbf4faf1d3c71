package io.resfuse.weights.format;

/** The formats of weight files that can be read. */
public enum WeightFormat {
  /** Hugging Face's safetensors; also what this library writes. */
  SAFETENSORS("safetensors"),
  /** {@code torch.save} since PyTorch 1.6: a zip archive with a pickle. */
  PYTORCH_ZIP("PyTorch (zip)"),
  /** {@code torch.save} before PyTorch 1.6: pickles followed by raw storages. */
  PYTORCH_LEGACY("PyTorch (before 1.6)"),
  /** A TensorFlow.js layers model: {@code model.json} and shards, in a folder or a .tgz. */
  TENSORFLOW_JS("TensorFlow.js"),
  /** HDF5 of Keras before 3, from {@code model.save} or {@code model.save_weights}. */
  KERAS_HDF5("Keras HDF5"),
  /** Keras 3's {@code .keras}, and its {@code .weights.h5}. */
  KERAS_3("Keras 3"),
  /** A graph of ONNX with its weights. */
  ONNX("ONNX");

  private final String title;

  WeightFormat(String title) {
    this.title = title;
  }

  /**
   * The format's name for people.
   *
   * @return for example {@code TensorFlow.js}
   */
  public String title() {
    return title;
  }
}
