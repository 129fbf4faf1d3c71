"""Classifies pictures over gRPC: client.py DESCRIPTION HOST:PORT MODEL PICTURE..."""
import os
import struct
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

description, address, model = sys.argv[1:4]
pool = descriptor_pool.DescriptorPool()
file = descriptor_pb2.FileDescriptorProto()
with open(description, "rb") as stream:
    file.ParseFromString(stream.read())
pool.Add(file)


def message(name):
    found = pool.FindMessageTypeByName("inference." + name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)


def call(channel, name):
    return channel.unary_unary(
        "/inference.GRPCInferenceService/" + name,
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message(name + "Response").FromString,
    )


with grpc.insecure_channel(address) as channel:
    assert call(channel, "ServerReady")(message("ServerReadyRequest")()).ready
    metadata = call(channel, "ModelMetadata")(message("ModelMetadataRequest")(name=model))
    assert [i.name for i in metadata.inputs] == ["image", "input"], metadata
    pictures = sys.argv[4:]
    infer = call(channel, "ModelInfer")
    request = message("ModelInferRequest")(model_name=model)
    tensor = request.inputs.add(name="image", datatype="BYTES", shape=[len(pictures)])
    raw = b""
    for picture in pictures:
        with open(picture, "rb") as stream:
            contents = stream.read()
        raw += struct.pack("<I", len(contents)) + contents
    request.raw_input_contents.append(raw)
    output = request.outputs.add(name="logits")
    output.parameters["classification"].int64_param = 1
    answer = infer(request)
    assert list(answer.outputs[0].shape) == [len(pictures), 1], answer
    data = answer.raw_output_contents[0]
    for picture in pictures:
        (length,) = struct.unpack_from("<I", data)
        text, data = data[4 : 4 + length].decode(), data[4 + length :]
        print(os.path.basename(picture), text.split(":")[2])
    request.model_name = "other"
    try:
        infer(request)
    except grpc.RpcError as error:
        print(error.code().name)
