package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.Precision;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnMathType;

/** As what cuDNN stores tensors and how it multiplies; sums are float32 in all of them. */
public enum DnnType {
  /** True single precision: cuDNN is kept from rounding to TF32. */
  FP32(cudnnDataType.CUDNN_DATA_FLOAT, cudnnMathType.CUDNN_FMA_MATH),
  /** Stored in single precision, multiplied in TF32. */
  TF32(cudnnDataType.CUDNN_DATA_FLOAT, cudnnMathType.CUDNN_DEFAULT_MATH),
  /** bfloat16. */
  BF16(cudnnDataType.CUDNN_DATA_BFLOAT16, cudnnMathType.CUDNN_TENSOR_OP_MATH),
  /** IEEE half. */
  FP16(cudnnDataType.CUDNN_DATA_HALF, cudnnMathType.CUDNN_TENSOR_OP_MATH);

  private final int dataType;
  private final int mathType;

  DnnType(int dataType, int mathType) {
    this.dataType = dataType;
    this.mathType = mathType;
  }

  /**
   * The type for a precision.
   *
   * @param precision neither {@link Precision#FP64} nor {@link Precision#INT8}
   * @return the type of the same name
   */
  public static DnnType of(Precision precision) {
    return switch (precision) {
      case FP32 -> FP32;
      case TF32 -> TF32;
      case BF16 -> BF16;
      case FP16 -> FP16;
      case FP64, INT8 ->
          throw new IllegalArgumentException("cuDNN does not run networks in " + precision);
    };
  }

  /** What an element of a {@link cudnnDataType} takes. */
  static int bytes(int dataType) {
    return switch (dataType) {
      case cudnnDataType.CUDNN_DATA_FLOAT -> Float.BYTES;
      case cudnnDataType.CUDNN_DATA_HALF, cudnnDataType.CUDNN_DATA_BFLOAT16 -> Short.BYTES;
      default -> throw new IllegalArgumentException(cudnnDataType.stringFor(dataType));
    };
  }

  int dataType() {
    return dataType;
  }

  int mathType(boolean tensorCores) {
    return tensorCores ? mathType : cudnnMathType.CUDNN_FMA_MATH;
  }
}
