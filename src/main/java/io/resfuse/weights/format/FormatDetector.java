package io.resfuse.weights.format;

import io.resfuse.platform.FileSignature;
import io.resfuse.platform.UserFolders;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Recognises formats by their first bytes. */
final class FormatDetector {
  private static final List<String> IN_FOLDERS =
      List.of(
          "model.safetensors",
          "model.safetensors.index.json",
          "pytorch_model.bin",
          "pytorch_model.bin.index.json");

  private static final String EXPECTED =
      "give a safetensors, PyTorch .pth, Keras .keras or .h5, ONNX or TensorFlow.js file (model.json or .tgz)";

  /** Enough for every signature; tar's is the furthest. */
  private static final int HEAD_BYTES = 512;

  private FormatDetector() {}

  static TensorFile open(Path path) {
    if (Files.isDirectory(path)) {
      return openFolder(path);
    }
    if (ShardedReader.isIndex(path)) {
      return ShardedReader.read(path);
    }
    return openFile(path);
  }

  /** A TensorFlow.js model, or what Hugging Face calls the weights of a model. */
  private static TensorFile openFolder(Path folder) {
    if (TensorFlowJsReader.isModelFolder(folder)) {
      return TensorFlowJsReader.readFolder(folder, folder);
    }
    for (String name : IN_FOLDERS) {
      Path file = folder.resolve(name);
      if (Files.isRegularFile(file)) {
        return open(file);
      }
    }
    throw WeightsException.of(
        folder,
        "it is a folder without a model.json (nor " + String.join(", ", IN_FOLDERS) + ")",
        "name a weight file");
  }

  /** A file that is whole by itself. */
  static TensorFile openFile(Path path) {
    return read(MappedFile.open(path));
  }

  static TensorFile read(MappedFile file) {
    Path path = file.path();
    ByteBuffer head = file.slice(0, Math.min(file.size(), HEAD_BYTES));
    if (head.remaining() == 0) {
      throw WeightsException.corrupt(path, "the file is empty");
    }
    if (head.remaining() > 8 && head.get(8) == '{') {
      return SafetensorsReader.read(file);
    }
    if (startsWith(head, 0x1f, 0x8b)) {
      Path temporary = UserFolders.temporary();
      return TensorFlowJsReader.readArchive(TarGz.unpack(path, temporary, unpacked -> {}));
    }
    if (startsWith(head, 'P', 'K', 3, 4)) {
      ZipMembers members = ZipMembers.of(file);
      return KerasArchive.isOne(members)
          ? KerasArchive.read(members)
          : TorchReader.readZip(members);
    }
    // torch.save's magic number 0x1950a86a20f9469cfc6c as a pickle of protocol 2.
    if (startsWith(head, 0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50)) {
      return TorchReader.readLegacy(file);
    }
    if (startsWith(head, 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n')) {
      return KerasHdf5Reader.read(file);
    }
    byte[] bytes = new byte[head.remaining()];
    head.get(0, bytes);
    FileSignature signature = FileSignature.of(bytes);
    if (signature == FileSignature.ONNX) {
      return OnnxReader.read(file).tensorFile();
    }
    if (head.get(0) == '{' && path.endsWith(TensorFlowJsReader.MODEL)) {
      return TensorFlowJsReader.readFolder(path, path.toAbsolutePath().getParent());
    }
    throw unknown(path, bytes, signature);
  }

  private static boolean startsWith(ByteBuffer head, int... bytes) {
    if (head.remaining() < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if ((head.get(i) & 0xff) != bytes[i]) {
        return false;
      }
    }
    return true;
  }

  private static WeightsException unknown(
      Path path, byte[] bytes, @Nullable FileSignature signature) {
    if (signature != null && signature != FileSignature.TEXT) {
      return WeightsException.of(path, signature.found(), remedy(signature));
    }
    StringBuilder hex = new StringBuilder("no known format (it begins with");
    for (int i = 0; i < Math.min(8, bytes.length); i++) {
      hex.append(String.format(" %02x", bytes[i]));
    }
    return WeightsException.of(path, hex.append(')').toString(), EXPECTED);
  }

  private static String remedy(FileSignature signature) {
    return switch (signature) {
      case PICKLE -> "in Python, load it and write its state_dict by torch.save, or by safetensors";
      case TENSORFLOW, TF_LITE, CORE_ML, CAFFE, TENSOR_RT, GGUF, MXNET, NUMPY ->
          "give the weights that it was made from as safetensors, PyTorch .pth or Keras .h5";
      case ZIP, GZIP, BZIP2, XZ, ZSTD, SEVEN_ZIP, RAR, TAR -> "unpack it, and give the file in it";
      case GIT_LFS -> "run 'git lfs pull'";
      case HTML -> "did a download fail? get it again";
      case JSON -> "give the file of weights beside it";
      default -> EXPECTED;
    };
  }
}
