// What Java calls: io.resfuse.data.image.PictureKernels.
#include "jpeg.h"
#include "resample.h"

#include <jni.h>

#include <memory>
#include <new>

namespace {

// An array of Java's as it lies, until the end of the scope; no other call to Java may come in between.
template <typename Element>
class Held {
 public:
  Held(JNIEnv* env, jarray array, bool written)
      : env_(env), array_(array), mode_(written ? 0 : JNI_ABORT), elements_(static_cast<Element*>(env->GetPrimitiveArrayCritical(array, nullptr))) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (elements_ != nullptr) {
      env_->ReleasePrimitiveArrayCritical(array_, elements_, mode_);
    }
  }

  Element* get() const { return elements_; }

 private:
  JNIEnv* env_;
  jarray array_;
  jint mode_;
  Element* elements_;
};

// As PictureKernels packs it: size, taps, first, count, weights.
resfuse::Axis axis(const int32_t* packed) {
  const int32_t size = packed[0];
  return {size, packed[1], packed + 2, packed + 2 + size, packed + 2 + 2 * static_cast<int64_t>(size)};
}

class ToArray final : public resfuse::RowSink {
 public:
  ToArray(JNIEnv* env, jbyteArray array, int row_bytes) : env_(env), array_(array), row_bytes_(row_bytes) {}

  bool take(const uint8_t* rows, int first, int count) override {
    env_->SetByteArrayRegion(array_, first * row_bytes_, count * row_bytes_, reinterpret_cast<const jbyte*>(rows));
    return env_->ExceptionCheck() == JNI_FALSE;
  }

 private:
  JNIEnv* env_;
  jbyteArray array_;
  int row_bytes_;
};

void out_of_memory(JNIEnv* env, const char* what) {
  if (env->ExceptionCheck() == JNI_FALSE) {
    env->ThrowNew(env->FindClass("java/lang/OutOfMemoryError"), what);
  }
}

}  // namespace

#define NATIVE(result, name) extern "C" JNIEXPORT result JNICALL Java_io_resfuse_data_image_PictureKernels_##name

NATIVE(jstring, openJpeg)(JNIEnv* env, jclass, jstring path) {
  const char* text = env->GetStringUTFChars(path, nullptr);
  if (text == nullptr) {
    return nullptr;
  }
  const std::string problem = resfuse::open_jpeg_library(text);
  env->ReleaseStringUTFChars(path, text);
  return problem.empty() ? nullptr : env->NewStringUTF(problem.c_str());
}

NATIVE(jboolean, decodeJpeg)(JNIEnv* env, jclass, jbyteArray coded, jboolean ycc, jint width, jint height, jint eighths,
                             jbyteArray rgb) {
  const jsize length = env->GetArrayLength(coded);
  const std::unique_ptr<jbyte[]> bytes(new (std::nothrow) jbyte[length]);
  if (bytes == nullptr) {
    out_of_memory(env, "no memory for a copy of a coded picture");
    return JNI_FALSE;
  }
  env->GetByteArrayRegion(coded, 0, length, bytes.get());
  ToArray sink(env, rgb, static_cast<int>(3 * ((static_cast<int64_t>(width) * eighths + 7) / 8)));
  const resfuse::CodedJpeg picture{reinterpret_cast<const uint8_t*>(bytes.get()), static_cast<size_t>(length), ycc == JNI_TRUE, width, height, eighths};
  return resfuse::decode_jpeg(picture, sink) ? JNI_TRUE : JNI_FALSE;
}

NATIVE(void, resample)
(JNIEnv* env, jclass, jbyteArray source, jint offset, jint stride, jint channels, jintArray columns, jintArray rows, jbyteArray target,
 jint target_offset, jint target_stride) {
  bool done = false;
  {
    const Held<uint8_t> from(env, source, false);
    const Held<int32_t> across(env, columns, false);
    const Held<int32_t> down(env, rows, false);
    const Held<uint8_t> to(env, target, true);
    if (from.get() != nullptr && across.get() != nullptr && down.get() != nullptr && to.get() != nullptr) {
      try {
        resfuse::resample(
            {from.get() + offset, stride, channels, axis(across.get()), axis(down.get()), to.get() + target_offset, target_stride});
        done = true;
      } catch (const std::bad_alloc&) {
        // Said below, where Java may be called.
      }
    }
  }
  if (!done) {
    out_of_memory(env, "no memory for resizing a picture");
  }
}
