// The functions for which a null stream means the calling thread's own default stream: what a program calls that is
// compiled with --default-stream per-thread (CUDA_API_PER_THREAD_DEFAULT_STREAM).
#include "driver/context.h"

using softcuda::driver::PerThreadDefault;

extern "C" {

SOFTCUDA_API CUresult cuEventRecordWithFlags_ptsz(CUevent handle, CUstream streamHandle, unsigned int flags) {
  PerThreadDefault scope;
  return cuEventRecordWithFlags(handle, streamHandle, flags);
}

SOFTCUDA_API CUresult cuEventRecord_ptsz(CUevent event, CUstream stream) {
  PerThreadDefault scope;
  return cuEventRecord(event, stream);
}

SOFTCUDA_API CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec* result, CUgraph graph,
                                                        CUDA_GRAPH_INSTANTIATE_PARAMS* p) {
  PerThreadDefault scope;
  return cuGraphInstantiateWithParams(result, graph, p);
}

SOFTCUDA_API CUresult cuGraphLaunch_ptsz(CUgraphExec handle, CUstream streamHandle) {
  PerThreadDefault scope;
  return cuGraphLaunch(handle, streamHandle);
}

SOFTCUDA_API CUresult cuGraphUpload_ptsz(CUgraphExec handle, CUstream stream) {
  PerThreadDefault scope;
  return cuGraphUpload(handle, stream);
}

SOFTCUDA_API CUresult cuLaunchCooperativeKernel_ptsz(CUfunction f, unsigned int gridX, unsigned int gridY,
                                                     unsigned int gridZ, unsigned int blockX, unsigned int blockY,
                                                     unsigned int blockZ, unsigned int sharedBytes, CUstream stream,
                                                     void** parameters) {
  PerThreadDefault scope;
  return cuLaunchCooperativeKernel(f, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, parameters);
}

SOFTCUDA_API CUresult cuLaunchHostFunc_ptsz(CUstream handle, CUhostFn function, void* userData) {
  PerThreadDefault scope;
  return cuLaunchHostFunc(handle, function, userData);
}

SOFTCUDA_API CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig* config, CUfunction f, void** parameters,
                                            void** extra) {
  PerThreadDefault scope;
  return cuLaunchKernelEx(config, f, parameters, extra);
}

SOFTCUDA_API CUresult cuLaunchKernel_ptsz(CUfunction f, unsigned int gridX, unsigned int gridY, unsigned int gridZ,
                                          unsigned int blockX, unsigned int blockY, unsigned int blockZ,
                                          unsigned int sharedBytes, CUstream stream, void** parameters, void** extra) {
  PerThreadDefault scope;
  return cuLaunchKernel(f, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, parameters, extra);
}

SOFTCUDA_API CUresult cuMemAllocAsync_ptsz(CUdeviceptr* result, size_t bytes, CUstream stream) {
  PerThreadDefault scope;
  return cuMemAllocAsync(result, bytes, stream);
}

SOFTCUDA_API CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr* result, size_t bytes, CUmemoryPool pool,
                                                   CUstream stream) {
  PerThreadDefault scope;
  return cuMemAllocFromPoolAsync(result, bytes, pool, stream);
}

SOFTCUDA_API CUresult cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream) {
  PerThreadDefault scope;
  return cuMemFreeAsync(address, stream);
}

SOFTCUDA_API CUresult cuMemPrefetchAsync_v2_ptsz(CUdeviceptr address, size_t bytes, CUmemLocation location,
                                                 unsigned int a3, CUstream stream) {
  PerThreadDefault scope;
  return cuMemPrefetchAsync_v2(address, bytes, location, a3, stream);
}

SOFTCUDA_API CUresult cuMemcpy2DAsync_v2_ptsz(const CUDA_MEMCPY2D* c, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpy2DAsync_v2(c, s);
}

SOFTCUDA_API CUresult cuMemcpy2DUnaligned_v2_ptds(const CUDA_MEMCPY2D* c) {
  PerThreadDefault scope;
  return cuMemcpy2DUnaligned_v2(c);
}

SOFTCUDA_API CUresult cuMemcpy2D_v2_ptds(const CUDA_MEMCPY2D* c) {
  PerThreadDefault scope;
  return cuMemcpy2D_v2(c);
}

SOFTCUDA_API CUresult cuMemcpy3DAsync_v2_ptsz(const CUDA_MEMCPY3D* c, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpy3DAsync_v2(c, s);
}

SOFTCUDA_API CUresult cuMemcpy3DPeerAsync_ptsz(const CUDA_MEMCPY3D_PEER* c, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpy3DPeerAsync(c, s);
}

SOFTCUDA_API CUresult cuMemcpy3DPeer_ptds(const CUDA_MEMCPY3D_PEER* c) {
  PerThreadDefault scope;
  return cuMemcpy3DPeer(c);
}

SOFTCUDA_API CUresult cuMemcpy3D_v2_ptds(const CUDA_MEMCPY3D* c) {
  PerThreadDefault scope;
  return cuMemcpy3D_v2(c);
}

SOFTCUDA_API CUresult cuMemcpyAsync_ptsz(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpyAsync(dst, src, n, s);
}

SOFTCUDA_API CUresult cuMemcpyDtoDAsync_v2_ptsz(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpyDtoDAsync_v2(dst, src, n, s);
}

SOFTCUDA_API CUresult cuMemcpyDtoD_v2_ptds(CUdeviceptr dst, CUdeviceptr src, size_t n) {
  PerThreadDefault scope;
  return cuMemcpyDtoD_v2(dst, src, n);
}

SOFTCUDA_API CUresult cuMemcpyDtoHAsync_v2_ptsz(void* dst, CUdeviceptr src, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpyDtoHAsync_v2(dst, src, n, s);
}

SOFTCUDA_API CUresult cuMemcpyDtoH_v2_ptds(void* dst, CUdeviceptr src, size_t n) {
  PerThreadDefault scope;
  return cuMemcpyDtoH_v2(dst, src, n);
}

SOFTCUDA_API CUresult cuMemcpyHtoDAsync_v2_ptsz(CUdeviceptr dst, const void* src, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemcpyHtoDAsync_v2(dst, src, n, s);
}

SOFTCUDA_API CUresult cuMemcpyHtoD_v2_ptds(CUdeviceptr dst, const void* src, size_t n) {
  PerThreadDefault scope;
  return cuMemcpyHtoD_v2(dst, src, n);
}

SOFTCUDA_API CUresult cuMemcpyPeerAsync_ptsz(CUdeviceptr dst, CUcontext a1, CUdeviceptr src, CUcontext a3, size_t n,
                                             CUstream s) {
  PerThreadDefault scope;
  return cuMemcpyPeerAsync(dst, a1, src, a3, n, s);
}

SOFTCUDA_API CUresult cuMemcpyPeer_ptds(CUdeviceptr dst, CUcontext a1, CUdeviceptr src, CUcontext a3, size_t n) {
  PerThreadDefault scope;
  return cuMemcpyPeer(dst, a1, src, a3, n);
}

SOFTCUDA_API CUresult cuMemcpy_ptds(CUdeviceptr dst, CUdeviceptr src, size_t n) {
  PerThreadDefault scope;
  return cuMemcpy(dst, src, n);
}

SOFTCUDA_API CUresult cuMemsetD16Async_ptsz(CUdeviceptr d, unsigned short v, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemsetD16Async(d, v, n, s);
}

SOFTCUDA_API CUresult cuMemsetD16_v2_ptds(CUdeviceptr d, unsigned short v, size_t n) {
  PerThreadDefault scope;
  return cuMemsetD16_v2(d, v, n);
}

SOFTCUDA_API CUresult cuMemsetD2D16Async_ptsz(CUdeviceptr d, size_t p, unsigned short v, size_t w, size_t h,
                                              CUstream s) {
  PerThreadDefault scope;
  return cuMemsetD2D16Async(d, p, v, w, h, s);
}

SOFTCUDA_API CUresult cuMemsetD2D16_v2_ptds(CUdeviceptr d, size_t p, unsigned short v, size_t w, size_t h) {
  PerThreadDefault scope;
  return cuMemsetD2D16_v2(d, p, v, w, h);
}

SOFTCUDA_API CUresult cuMemsetD2D32Async_ptsz(CUdeviceptr d, size_t p, unsigned int v, size_t w, size_t h,
                                              CUstream s) {
  PerThreadDefault scope;
  return cuMemsetD2D32Async(d, p, v, w, h, s);
}

SOFTCUDA_API CUresult cuMemsetD2D32_v2_ptds(CUdeviceptr d, size_t p, unsigned int v, size_t w, size_t h) {
  PerThreadDefault scope;
  return cuMemsetD2D32_v2(d, p, v, w, h);
}

SOFTCUDA_API CUresult cuMemsetD2D8Async_ptsz(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h,
                                             CUstream s) {
  PerThreadDefault scope;
  return cuMemsetD2D8Async(d, p, v, w, h, s);
}

SOFTCUDA_API CUresult cuMemsetD2D8_v2_ptds(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h) {
  PerThreadDefault scope;
  return cuMemsetD2D8_v2(d, p, v, w, h);
}

SOFTCUDA_API CUresult cuMemsetD32Async_ptsz(CUdeviceptr d, unsigned int v, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemsetD32Async(d, v, n, s);
}

SOFTCUDA_API CUresult cuMemsetD32_v2_ptds(CUdeviceptr d, unsigned int v, size_t n) {
  PerThreadDefault scope;
  return cuMemsetD32_v2(d, v, n);
}

SOFTCUDA_API CUresult cuMemsetD8Async_ptsz(CUdeviceptr d, unsigned char v, size_t n, CUstream s) {
  PerThreadDefault scope;
  return cuMemsetD8Async(d, v, n, s);
}

SOFTCUDA_API CUresult cuMemsetD8_v2_ptds(CUdeviceptr d, unsigned char v, size_t n) {
  PerThreadDefault scope;
  return cuMemsetD8_v2(d, v, n);
}

SOFTCUDA_API CUresult cuStreamAddCallback_ptsz(CUstream handle, CUstreamCallback callback, void* userData,
                                               unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamAddCallback(handle, callback, userData, flags);
}

SOFTCUDA_API CUresult cuStreamAttachMemAsync_ptsz(CUstream stream, CUdeviceptr address, size_t bytes,
                                                  unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamAttachMemAsync(stream, address, bytes, flags);
}

SOFTCUDA_API CUresult cuStreamBeginCaptureToGraph_ptsz(CUstream stream, CUgraph graph, const CUgraphNode* dependencies,
                                                       const CUgraphEdgeData* a3, size_t count,
                                                       CUstreamCaptureMode mode) {
  PerThreadDefault scope;
  return cuStreamBeginCaptureToGraph(stream, graph, dependencies, a3, count, mode);
}

SOFTCUDA_API CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode) {
  PerThreadDefault scope;
  return cuStreamBeginCapture_v2(stream, mode);
}

SOFTCUDA_API CUresult cuStreamCopyAttributes_ptsz(CUstream dst, CUstream src) {
  PerThreadDefault scope;
  return cuStreamCopyAttributes(dst, src);
}

SOFTCUDA_API CUresult cuStreamEndCapture_ptsz(CUstream handle, CUgraph* result) {
  PerThreadDefault scope;
  return cuStreamEndCapture(handle, result);
}

SOFTCUDA_API CUresult cuStreamGetAttribute_ptsz(CUstream handle, int which, CUlaunchAttributeValue* value) {
  PerThreadDefault scope;
  return cuStreamGetAttribute(handle, which, value);
}

SOFTCUDA_API CUresult cuStreamGetCaptureInfo_v3_ptsz(CUstream handle, CUstreamCaptureStatus* status, uint64_t* id,
                                                     CUgraph* graph, const CUgraphNode** dependencies,
                                                     const CUgraphEdgeData** edges, size_t* count) {
  PerThreadDefault scope;
  return cuStreamGetCaptureInfo_v3(handle, status, id, graph, dependencies, edges, count);
}

SOFTCUDA_API CUresult cuStreamGetCtx_ptsz(CUstream handle, CUcontext* result) {
  PerThreadDefault scope;
  return cuStreamGetCtx(handle, result);
}

SOFTCUDA_API CUresult cuStreamGetDevice_ptsz(CUstream handle, CUdevice* dev) {
  PerThreadDefault scope;
  return cuStreamGetDevice(handle, dev);
}

SOFTCUDA_API CUresult cuStreamGetFlags_ptsz(CUstream handle, unsigned int* flags) {
  PerThreadDefault scope;
  return cuStreamGetFlags(handle, flags);
}

SOFTCUDA_API CUresult cuStreamGetId_ptsz(CUstream handle, unsigned long long* id) {
  PerThreadDefault scope;
  return cuStreamGetId(handle, id);
}

SOFTCUDA_API CUresult cuStreamGetPriority_ptsz(CUstream handle, int* priority) {
  PerThreadDefault scope;
  return cuStreamGetPriority(handle, priority);
}

SOFTCUDA_API CUresult cuStreamIsCapturing_ptsz(CUstream handle, CUstreamCaptureStatus* status) {
  PerThreadDefault scope;
  return cuStreamIsCapturing(handle, status);
}

SOFTCUDA_API CUresult cuStreamQuery_ptsz(CUstream handle) {
  PerThreadDefault scope;
  return cuStreamQuery(handle);
}

SOFTCUDA_API CUresult cuStreamSetAttribute_ptsz(CUstream handle, int which, const CUlaunchAttributeValue* value) {
  PerThreadDefault scope;
  return cuStreamSetAttribute(handle, which, value);
}

SOFTCUDA_API CUresult cuStreamSynchronize_ptsz(CUstream handle) {
  PerThreadDefault scope;
  return cuStreamSynchronize(handle);
}

SOFTCUDA_API CUresult cuStreamUpdateCaptureDependencies_v2_ptsz(CUstream handle, CUgraphNode* dependencies,
                                                                const CUgraphEdgeData* a2, size_t count,
                                                                unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamUpdateCaptureDependencies_v2(handle, dependencies, a2, count, flags);
}

SOFTCUDA_API CUresult cuStreamWaitEvent_ptsz(CUstream handle, CUevent eventHandle, unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamWaitEvent(handle, eventHandle, flags);
}

SOFTCUDA_API CUresult cuStreamWaitValue32_v2_ptsz(CUstream s, CUdeviceptr a, uint32_t v, unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamWaitValue32_v2(s, a, v, flags);
}

SOFTCUDA_API CUresult cuStreamWaitValue64_v2_ptsz(CUstream s, CUdeviceptr a, uint64_t v, unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamWaitValue64_v2(s, a, v, flags);
}

SOFTCUDA_API CUresult cuStreamWriteValue32_v2_ptsz(CUstream s, CUdeviceptr a, uint32_t v, unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamWriteValue32_v2(s, a, v, flags);
}

SOFTCUDA_API CUresult cuStreamWriteValue64_v2_ptsz(CUstream s, CUdeviceptr a, uint64_t v, unsigned int flags) {
  PerThreadDefault scope;
  return cuStreamWriteValue64_v2(s, a, v, flags);
}

}  // extern "C"
