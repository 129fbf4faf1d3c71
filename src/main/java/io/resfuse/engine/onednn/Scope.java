package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_destroy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;

/**
 * Owns native handles and destroys them, the last one first, when it is closed. Not thread-safe.
 */
final class Scope implements AutoCloseable {
  private static final AtomicLong live = new AtomicLong();

  private final List<Runnable> destroyers = new ArrayList<>();

  /**
   * The number of handles not yet destroyed in this process, for tests.
   *
   * @return 0 if nothing leaks
   */
  static long liveHandles() {
    return live.get();
  }

  dnnl_memory_desc own(dnnl_memory_desc handle) {
    return add(handle, () -> dnnl_memory_desc_destroy(handle));
  }

  dnnl_memory own(dnnl_memory handle) {
    return add(handle, () -> dnnl_memory_destroy(handle));
  }

  dnnl_primitive_desc own(dnnl_primitive_desc handle) {
    return add(handle, () -> dnnl_primitive_desc_destroy(handle));
  }

  dnnl_primitive own(dnnl_primitive handle) {
    return add(handle, () -> dnnl_primitive_destroy(handle));
  }

  dnnl_primitive_attr own(dnnl_primitive_attr handle) {
    return add(handle, () -> dnnl_primitive_attr_destroy(handle));
  }

  dnnl_post_ops own(dnnl_post_ops handle) {
    return add(handle, () -> dnnl_post_ops_destroy(handle));
  }

  dnnl_stream own(dnnl_stream handle) {
    return add(handle, () -> dnnl_stream_destroy(handle));
  }

  /** Takes over all that another scope owns. */
  void adopt(Scope other) {
    destroyers.addAll(other.destroyers);
    other.destroyers.clear();
  }

  /** Owns memory that JavaCPP allocated, an argument array for example. */
  <T extends Pointer> T ownAllocated(T pointer) {
    return add(pointer, pointer::deallocate);
  }

  private <T> T add(T handle, Runnable destroyer) {
    destroyers.add(destroyer);
    live.incrementAndGet();
    return handle;
  }

  @Override
  public void close() {
    for (int i = destroyers.size() - 1; i >= 0; i--) {
      destroyers.get(i).run();
      live.decrementAndGet();
    }
    destroyers.clear();
  }
}
