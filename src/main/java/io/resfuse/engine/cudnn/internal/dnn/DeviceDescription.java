package io.resfuse.engine.cudnn.internal.dnn;

import java.util.Optional;

/**
 * What cuDNN knows of a device, as text. Written once where the device is, it lets cuDNN's
 * heuristics choose and plans be made where it is not. Stateless; since cuDNN 9.8. JCudnn's Java
 * half does not know the numbers yet; these are those of {@code cudnn_graph.h}.
 */
public final class DeviceDescription {
  /** {@code CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR}. */
  static final int DESCRIPTOR = 38;

  /** {@code CUDNN_ATTR_ENGINEHEUR_DEVICEPROP}: for which device heuristics choose. */
  static final int OF_HEURISTICS = 204;

  /** {@code CUDNN_ATTR_DEVICEPROP_HANDLE}. */
  private static final int HANDLE = 2701;

  /** {@code CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION}. */
  private static final int JSON = 2702;

  private static final long SINCE = 90_800;

  private DeviceDescription() {}

  /**
   * Whether the cuDNN that is loaded can describe devices.
   *
   * @return why not; empty if it can
   */
  public static Optional<String> whyNot() {
    return whyNot(Dnn.versionNumber());
  }

  /** The same of a version. */
  static Optional<String> whyNot(long version) {
    return version >= SINCE
        ? Optional.empty()
        : Optional.of(
            "cuDNN "
                + Dnn.text(version)
                + " knows no descriptions of devices; cuDNN "
                + Dnn.text(SINCE)
                + " and newer do");
  }

  /**
   * Describes a device.
   *
   * @param handle on it
   * @return JSON, as cuDNN writes it
   * @throws io.resfuse.engine.EngineException if cuDNN does not
   */
  public static String of(Handle handle) {
    synchronized (handle) {
      try (BackendDescriptor device = new BackendDescriptor(DESCRIPTOR)) {
        return device.handle(HANDLE, handle).complete().text(JSON);
      }
    }
  }

  /** A descriptor of the device that was described, to be closed. */
  static BackendDescriptor read(String json) {
    BackendDescriptor device = new BackendDescriptor(DESCRIPTOR);
    boolean done = false;
    try {
      device.text(JSON, json).complete();
      done = true;
      return device;
    } finally {
      if (!done) {
        device.close();
      }
    }
  }
}
