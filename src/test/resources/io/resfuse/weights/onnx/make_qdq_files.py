"""Writes qdq-s8s8.onnx and qdq-u8s8.onnx with ONNX Runtime's own static quantiser.

    python make_qdq_files.py

Made with onnxruntime 1.30.0 and onnx 1.23.1 of bottleneck-softmax.onnx, calibrated on random
pictures: weights per channel, activations in signed bytes with zero point 0, or in unsigned ones
with any zero point.
"""

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Pictures(CalibrationDataReader):
    def __init__(self):
        random = np.random.default_rng(1)
        self.left = iter(
            [{"image": random.uniform(-2, 2, (1, 3, 32, 32)).astype(np.float32)} for _ in range(4)]
        )

    def get_next(self):
        return next(self.left, None)


def write(name, activation, **options):
    quantize_static(
        "prepared.onnx",
        name,
        Pictures(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=activation,
        weight_type=QuantType.QInt8,
        extra_options=options,
    )


quant_pre_process("bottleneck-softmax.onnx", "prepared.onnx", skip_symbolic_shape=True)
write("qdq-s8s8.onnx", QuantType.QInt8, ActivationSymmetric=True)
write("qdq-u8s8.onnx", QuantType.QUInt8)
