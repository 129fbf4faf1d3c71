/** KServe's protocol over gRPC. */
@org.jspecify.annotations.NullMarked
package io.resfuse.server.grpc;
