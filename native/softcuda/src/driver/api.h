// The functions of the CUDA driver API that softcuda implements, under the names that libcuda.so.1 exports. Those that
// exist and only return CUDA_ERROR_NOT_SUPPORTED are listed in unsupported.def.
#pragma once
#include "driver/abi.h"

#define SOFTCUDA_API __attribute__((visibility("default")))

extern "C" {

// Errors.
SOFTCUDA_API CUresult cuGetErrorName(CUresult error, const char** name);
SOFTCUDA_API CUresult cuGetErrorString(CUresult error, const char** text);

// Initialisation.
SOFTCUDA_API CUresult cuInit(unsigned int flags);

// Devices.
SOFTCUDA_API CUresult cuDriverGetVersion(int* version);
SOFTCUDA_API CUresult cuDeviceGet(CUdevice* dev, int ordinal);
SOFTCUDA_API CUresult cuDeviceGetCount(int* count);
SOFTCUDA_API CUresult cuDeviceGetName(char* name, int length, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute which, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetProperties(CUdevprop* properties, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* id);
SOFTCUDA_API CUresult cuDeviceGetLuid(char*, unsigned int*, CUdevice);
SOFTCUDA_API CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t* width, int format, unsigned channels, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice dev, CUdevice peer);
SOFTCUDA_API CUresult cuDeviceGetP2PAttribute(int* value, int, CUdevice from, CUdevice to);
SOFTCUDA_API CUresult cuDeviceGetExecAffinitySupport(int* supported, int, CUdevice dev);

// Contexts.
SOFTCUDA_API CUresult cuCtxCreate_v2(CUcontext* result, unsigned int flags, CUdevice dev);
SOFTCUDA_API CUresult cuCtxCreate_v3(CUcontext* result, void* affinity, int affinities, unsigned int flags,
                                     CUdevice dev);
SOFTCUDA_API CUresult cuCtxCreate_v4(CUcontext* result, void* parameters, unsigned int flags, CUdevice dev);
SOFTCUDA_API CUresult cuCtxDestroy_v2(CUcontext handle);
SOFTCUDA_API CUresult cuCtxAttach(CUcontext* result, unsigned int flags);
SOFTCUDA_API CUresult cuCtxDetach(CUcontext handle);
SOFTCUDA_API CUresult cuCtxPushCurrent_v2(CUcontext handle);
SOFTCUDA_API CUresult cuCtxPopCurrent_v2(CUcontext* result);
SOFTCUDA_API CUresult cuCtxSetCurrent(CUcontext handle);
SOFTCUDA_API CUresult cuCtxGetCurrent(CUcontext* result);
SOFTCUDA_API CUresult cuCtxGetDevice(CUdevice* dev);
SOFTCUDA_API CUresult cuCtxGetDevice_v2(CUdevice* dev, CUcontext handle);
SOFTCUDA_API CUresult cuCtxGetFlags(unsigned int* flags);
SOFTCUDA_API CUresult cuCtxSetFlags(unsigned int flags);
SOFTCUDA_API CUresult cuCtxGetId(CUcontext handle, unsigned long long* id);
SOFTCUDA_API CUresult cuCtxGetApiVersion(CUcontext handle, unsigned int* version);
SOFTCUDA_API CUresult cuCtxSynchronize(void);
SOFTCUDA_API CUresult cuCtxSynchronize_v2(CUcontext handle);
SOFTCUDA_API CUresult cuCtxGetLimit(size_t* value, CUlimit limit);
SOFTCUDA_API CUresult cuCtxSetLimit(CUlimit limit, size_t value);
SOFTCUDA_API CUresult cuCtxResetPersistingL2Cache(void);
SOFTCUDA_API CUresult cuCtxGetCacheConfig(CUfunc_cache* config);
SOFTCUDA_API CUresult cuCtxSetCacheConfig(CUfunc_cache config);
SOFTCUDA_API CUresult cuCtxGetSharedMemConfig(CUsharedconfig* config);
SOFTCUDA_API CUresult cuCtxSetSharedMemConfig(CUsharedconfig config);
SOFTCUDA_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest);
SOFTCUDA_API CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned int flags);
SOFTCUDA_API CUresult cuCtxDisablePeerAccess(CUcontext peer);
SOFTCUDA_API CUresult cuDevicePrimaryCtxRetain(CUcontext* result, CUdevice dev);
SOFTCUDA_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev);
SOFTCUDA_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev);
SOFTCUDA_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags);
SOFTCUDA_API CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active);

// Modules.
SOFTCUDA_API CUresult cuModuleLoad(CUmodule* result, const char* fileName);
SOFTCUDA_API CUresult cuModuleLoadData(CUmodule* result, const void* image);
SOFTCUDA_API CUresult cuModuleLoadDataEx(CUmodule* result, const void* image, unsigned int count,
                                         CUjit_option* options, void** values);
SOFTCUDA_API CUresult cuModuleLoadFatBinary(CUmodule* result, const void* image);
SOFTCUDA_API CUresult cuModuleUnload(CUmodule handle);
SOFTCUDA_API CUresult cuModuleGetLoadingMode(int* mode);
SOFTCUDA_API CUresult cuModuleGetFunction(CUfunction* result, CUmodule handle, const char* name);
SOFTCUDA_API CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule handle);
SOFTCUDA_API CUresult cuModuleEnumerateFunctions(CUfunction* result, unsigned int count, CUmodule handle);
SOFTCUDA_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule handle, const char* name);

// Functions and kernels.
SOFTCUDA_API CUresult cuFuncGetAttribute(int* value, CUfunction_attribute which, CUfunction handle);
SOFTCUDA_API CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute which, int value);
SOFTCUDA_API CUresult cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config);
SOFTCUDA_API CUresult cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig config);
SOFTCUDA_API CUresult cuFuncGetModule(CUmodule* module, CUfunction handle);
SOFTCUDA_API CUresult cuFuncGetName(const char** name, CUfunction handle);
SOFTCUDA_API CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t* offset, size_t* size);
SOFTCUDA_API CUresult cuFuncIsLoaded(int* state, CUfunction handle);
SOFTCUDA_API CUresult cuFuncLoad(CUfunction handle);
SOFTCUDA_API CUresult cuKernelGetAttribute(int* value, CUfunction_attribute which, CUkernel handle, CUdevice dev);
SOFTCUDA_API CUresult cuKernelSetAttribute(CUfunction_attribute which, int value, CUkernel handle, CUdevice dev);

// Libraries.
SOFTCUDA_API CUresult cuLibraryLoadData(CUlibrary* result, const void* image, CUjit_option*, void**, unsigned int,
                                        int*, void**, unsigned int);
SOFTCUDA_API CUresult cuLibraryLoadFromFile(CUlibrary* result, const char* fileName, CUjit_option*, void**,
                                            unsigned int, int*, void**, unsigned int);
SOFTCUDA_API CUresult cuLibraryUnload(CUlibrary handle);
SOFTCUDA_API CUresult cuLibraryGetKernel(CUkernel* result, CUlibrary handle, const char* name);
SOFTCUDA_API CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary handle);
SOFTCUDA_API CUresult cuLibraryEnumerateKernels(CUkernel* result, unsigned int count, CUlibrary handle);
SOFTCUDA_API CUresult cuLibraryGetModule(CUmodule* result, CUlibrary handle);
SOFTCUDA_API CUresult cuLibraryGetGlobal(CUdeviceptr* address, size_t* bytes, CUlibrary handle, const char* name);
SOFTCUDA_API CUresult cuLibraryGetManaged(CUdeviceptr* address, size_t* bytes, CUlibrary handle, const char* name);
SOFTCUDA_API CUresult cuKernelGetFunction(CUfunction* result, CUkernel handle);
SOFTCUDA_API CUresult cuKernelGetLibrary(CUlibrary* result, CUkernel handle);
SOFTCUDA_API CUresult cuKernelGetName(const char** name, CUkernel handle);
SOFTCUDA_API CUresult cuKernelGetParamInfo(CUkernel handle, size_t index, size_t* offset, size_t* size);
SOFTCUDA_API CUresult cuKernelSetCacheConfig(CUkernel handle, CUfunc_cache config, CUdevice);

// Linking.
SOFTCUDA_API CUresult cuLinkCreate_v2(unsigned int count, CUjit_option* options, void** values, CUlinkState* result);
SOFTCUDA_API CUresult cuLinkAddData_v2(CUlinkState handle, int type, void* data, size_t size, const char*,
                                       unsigned int count, CUjit_option* options, void** values);
SOFTCUDA_API CUresult cuLinkAddFile_v2(CUlinkState handle, int type, const char* path, unsigned int count,
                                       CUjit_option* options, void** values);
SOFTCUDA_API CUresult cuLinkComplete(CUlinkState handle, void** image, size_t* size);
SOFTCUDA_API CUresult cuLinkDestroy(CUlinkState handle);

// Launches.
SOFTCUDA_API CUresult cuLaunchKernel(CUfunction f, unsigned int gridX, unsigned int gridY, unsigned int gridZ,
                                     unsigned int blockX, unsigned int blockY, unsigned int blockZ,
                                     unsigned int sharedBytes, CUstream stream, void** parameters, void** extra);
SOFTCUDA_API CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridX, unsigned int gridY,
                                                unsigned int gridZ, unsigned int blockX, unsigned int blockY,
                                                unsigned int blockZ, unsigned int sharedBytes, CUstream stream,
                                                void** parameters);
SOFTCUDA_API CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS* launches, unsigned int count,
                                                           unsigned int);
SOFTCUDA_API CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** parameters, void** extra);
SOFTCUDA_API CUresult cuFuncSetBlockShape(CUfunction f, int x, int y, int z);
SOFTCUDA_API CUresult cuFuncSetSharedSize(CUfunction f, unsigned int bytes);
SOFTCUDA_API CUresult cuParamSetSize(CUfunction f, unsigned int bytes);
SOFTCUDA_API CUresult cuParamSetv(CUfunction f, int offset, void* data, unsigned int bytes);
SOFTCUDA_API CUresult cuParamSeti(CUfunction f, int offset, unsigned int value);
SOFTCUDA_API CUresult cuParamSetf(CUfunction f, int offset, float value);
SOFTCUDA_API CUresult cuLaunchGridAsync(CUfunction f, int width, int height, CUstream stream);
SOFTCUDA_API CUresult cuLaunchGrid(CUfunction f, int width, int height);
SOFTCUDA_API CUresult cuLaunch(CUfunction f);

// Occupancy.
SOFTCUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction f, int blockSize,
                                                                           size_t sharedBytes, unsigned int flags);
SOFTCUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction f, int blockSize,
                                                                  size_t sharedBytes);
SOFTCUDA_API CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* gridSize, int* blockSize, CUfunction f,
                                                                CUoccupancyB2DSize sharedOf, size_t sharedBytes,
                                                                int limit, unsigned int flags);
SOFTCUDA_API CUresult cuOccupancyMaxPotentialBlockSize(int* gridSize, int* blockSize, CUfunction f,
                                                       CUoccupancyB2DSize sharedOf, size_t sharedBytes, int limit);
SOFTCUDA_API CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, CUfunction f, int blocks, int blockSize);
SOFTCUDA_API CUresult cuOccupancyMaxPotentialClusterSize(int*, CUfunction, const CUlaunchConfig*);
SOFTCUDA_API CUresult cuOccupancyMaxActiveClusters(int*, CUfunction, const CUlaunchConfig*);

// Memory.
SOFTCUDA_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total);
SOFTCUDA_API CUresult cuMemAlloc_v2(CUdeviceptr* result, size_t bytes);
SOFTCUDA_API CUresult cuMemAllocPitch_v2(CUdeviceptr* result, size_t* pitch, size_t width, size_t height,
                                         unsigned int elementBytes);
SOFTCUDA_API CUresult cuMemFree_v2(CUdeviceptr address);
SOFTCUDA_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr address);
SOFTCUDA_API CUresult cuMemHostAlloc(void** result, size_t bytes, unsigned int flags);
SOFTCUDA_API CUresult cuMemAllocHost_v2(void** result, size_t bytes);
SOFTCUDA_API CUresult cuMemFreeHost(void* pointer);
SOFTCUDA_API CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned int flags);
SOFTCUDA_API CUresult cuMemHostUnregister(void* pointer);
SOFTCUDA_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* result, void* pointer, unsigned int flags);
SOFTCUDA_API CUresult cuMemHostGetFlags(unsigned int* flags, void* pointer);
SOFTCUDA_API CUresult cuMemAllocManaged(CUdeviceptr* result, size_t bytes, unsigned int flags);
SOFTCUDA_API CUresult cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice dev, CUstream stream);
SOFTCUDA_API CUresult cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes, CUmemLocation location, unsigned int,
                                            CUstream stream);
SOFTCUDA_API CUresult cuMemAdvise(CUdeviceptr address, size_t bytes, int advice, CUdevice dev);
SOFTCUDA_API CUresult cuMemAdvise_v2(CUdeviceptr address, size_t bytes, int advice, CUmemLocation location);
SOFTCUDA_API CUresult cuMemRangeGetAttribute(void* data, size_t size, int attribute, CUdeviceptr address,
                                             size_t bytes);
SOFTCUDA_API CUresult cuMemRangeGetAttributes(void** data, size_t* sizes, int* attributes, size_t count,
                                              CUdeviceptr address, size_t bytes);
SOFTCUDA_API CUresult cuStreamAttachMemAsync(CUstream stream, CUdeviceptr address, size_t bytes, unsigned int flags);
SOFTCUDA_API CUresult cuPointerGetAttribute(void* data, CUpointer_attribute which, CUdeviceptr address);
SOFTCUDA_API CUresult cuPointerGetAttributes(unsigned int count, CUpointer_attribute* attributes, void** data,
                                             CUdeviceptr address);
SOFTCUDA_API CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute which, CUdeviceptr address);

// Stream-ordered memory.
SOFTCUDA_API CUresult cuMemAllocAsync(CUdeviceptr* result, size_t bytes, CUstream stream);
SOFTCUDA_API CUresult cuMemAllocFromPoolAsync(CUdeviceptr* result, size_t bytes, CUmemoryPool pool, CUstream stream);
SOFTCUDA_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream);
SOFTCUDA_API CUresult cuMemPoolCreate(CUmemoryPool* result, const CUmemPoolProps* properties);
SOFTCUDA_API CUresult cuMemPoolDestroy(CUmemoryPool handle);
SOFTCUDA_API CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t);
SOFTCUDA_API CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute which, void* value);
SOFTCUDA_API CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute which, void* value);
SOFTCUDA_API CUresult cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc* map, size_t count);
SOFTCUDA_API CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool handle, CUmemLocation* location);
SOFTCUDA_API CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* result, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceGetMemPool(CUmemoryPool* result, CUdevice dev);
SOFTCUDA_API CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool handle);

// Copies and fills.
SOFTCUDA_API CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t n);
SOFTCUDA_API CUresult cuMemcpyHtoD_v2(CUdeviceptr dst, const void* src, size_t n);
SOFTCUDA_API CUresult cuMemcpyDtoH_v2(void* dst, CUdeviceptr src, size_t n);
SOFTCUDA_API CUresult cuMemcpyDtoD_v2(CUdeviceptr dst, CUdeviceptr src, size_t n);
SOFTCUDA_API CUresult cuMemcpyPeer(CUdeviceptr dst, CUcontext, CUdeviceptr src, CUcontext, size_t n);
SOFTCUDA_API CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* c);
SOFTCUDA_API CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* c);
SOFTCUDA_API CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* c);
SOFTCUDA_API CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* c);
SOFTCUDA_API CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void* src, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemcpyDtoHAsync_v2(void* dst, CUdeviceptr src, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemcpyPeerAsync(CUdeviceptr dst, CUcontext, CUdeviceptr src, CUcontext, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* c, CUstream s);
SOFTCUDA_API CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* c, CUstream s);
SOFTCUDA_API CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* c, CUstream s);
SOFTCUDA_API CUresult cuMemsetD8_v2(CUdeviceptr d, unsigned char v, size_t n);
SOFTCUDA_API CUresult cuMemsetD16_v2(CUdeviceptr d, unsigned short v, size_t n);
SOFTCUDA_API CUresult cuMemsetD32_v2(CUdeviceptr d, unsigned int v, size_t n);
SOFTCUDA_API CUresult cuMemsetD2D8_v2(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h);
SOFTCUDA_API CUresult cuMemsetD2D16_v2(CUdeviceptr d, size_t p, unsigned short v, size_t w, size_t h);
SOFTCUDA_API CUresult cuMemsetD2D32_v2(CUdeviceptr d, size_t p, unsigned int v, size_t w, size_t h);
SOFTCUDA_API CUresult cuMemsetD8Async(CUdeviceptr d, unsigned char v, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemsetD16Async(CUdeviceptr d, unsigned short v, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemsetD32Async(CUdeviceptr d, unsigned int v, size_t n, CUstream s);
SOFTCUDA_API CUresult cuMemsetD2D8Async(CUdeviceptr d, size_t p, unsigned char v, size_t w, size_t h, CUstream s);
SOFTCUDA_API CUresult cuMemsetD2D16Async(CUdeviceptr d, size_t p, unsigned short v, size_t w, size_t h, CUstream s);
SOFTCUDA_API CUresult cuMemsetD2D32Async(CUdeviceptr d, size_t p, unsigned int v, size_t w, size_t h, CUstream s);

// Streams and events.
SOFTCUDA_API CUresult cuStreamCreate(CUstream* result, unsigned int flags);
SOFTCUDA_API CUresult cuStreamCreateWithPriority(CUstream* result, unsigned int flags, int priority);
SOFTCUDA_API CUresult cuStreamDestroy_v2(CUstream handle);
SOFTCUDA_API CUresult cuStreamGetPriority(CUstream handle, int* priority);
SOFTCUDA_API CUresult cuStreamGetFlags(CUstream handle, unsigned int* flags);
SOFTCUDA_API CUresult cuStreamGetId(CUstream handle, unsigned long long* id);
SOFTCUDA_API CUresult cuStreamGetDevice(CUstream handle, CUdevice* dev);
SOFTCUDA_API CUresult cuStreamGetCtx(CUstream handle, CUcontext* result);
SOFTCUDA_API CUresult cuStreamQuery(CUstream handle);
SOFTCUDA_API CUresult cuStreamSynchronize(CUstream handle);
SOFTCUDA_API CUresult cuStreamWaitEvent(CUstream handle, CUevent eventHandle, unsigned int flags);
SOFTCUDA_API CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* userData,
                                          unsigned int flags);
SOFTCUDA_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* userData);
SOFTCUDA_API CUresult cuStreamGetAttribute(CUstream handle, int which, CUlaunchAttributeValue* value);
SOFTCUDA_API CUresult cuStreamSetAttribute(CUstream handle, int which, const CUlaunchAttributeValue* value);
SOFTCUDA_API CUresult cuStreamCopyAttributes(CUstream dst, CUstream src);
SOFTCUDA_API CUresult cuEventCreate(CUevent* result, unsigned int flags);
SOFTCUDA_API CUresult cuEventDestroy_v2(CUevent handle);
SOFTCUDA_API CUresult cuEventRecordWithFlags(CUevent handle, CUstream streamHandle, unsigned int flags);
SOFTCUDA_API CUresult cuEventRecord(CUevent event, CUstream stream);
SOFTCUDA_API CUresult cuEventQuery(CUevent handle);
SOFTCUDA_API CUresult cuEventSynchronize(CUevent handle);
SOFTCUDA_API CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end);
SOFTCUDA_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end);
SOFTCUDA_API CUresult cuStreamWaitValue32_v2(CUstream s, CUdeviceptr a, uint32_t v, unsigned int flags);
SOFTCUDA_API CUresult cuStreamWaitValue64_v2(CUstream s, CUdeviceptr a, uint64_t v, unsigned int flags);
SOFTCUDA_API CUresult cuStreamWriteValue32_v2(CUstream s, CUdeviceptr a, uint32_t v, unsigned int flags);
SOFTCUDA_API CUresult cuStreamWriteValue64_v2(CUstream s, CUdeviceptr a, uint64_t v, unsigned int flags);

// Stream capture.
SOFTCUDA_API CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode);
SOFTCUDA_API CUresult cuStreamBeginCapture(CUstream stream);
SOFTCUDA_API CUresult cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode* dependencies,
                                                  const CUgraphEdgeData*, size_t count, CUstreamCaptureMode mode);
SOFTCUDA_API CUresult cuStreamEndCapture(CUstream handle, CUgraph* result);
SOFTCUDA_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status);
SOFTCUDA_API CUresult cuStreamGetCaptureInfo_v3(CUstream handle, CUstreamCaptureStatus* status, uint64_t* id,
                                                CUgraph* graph, const CUgraphNode** dependencies,
                                                const CUgraphEdgeData** edges, size_t* count);
SOFTCUDA_API CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus* status, uint64_t* id,
                                                CUgraph* graph, const CUgraphNode** dependencies, size_t* count);
SOFTCUDA_API CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus* status, uint64_t* id);
SOFTCUDA_API CUresult cuStreamUpdateCaptureDependencies_v2(CUstream handle, CUgraphNode* dependencies,
                                                           const CUgraphEdgeData*, size_t count, unsigned int flags);
SOFTCUDA_API CUresult cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode* dependencies, size_t count,
                                                        unsigned int flags);
SOFTCUDA_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode);

// Graphs.
SOFTCUDA_API CUresult cuGraphCreate(CUgraph* result, unsigned int flags);
SOFTCUDA_API CUresult cuGraphDestroy(CUgraph handle);
SOFTCUDA_API CUresult cuGraphClone(CUgraph* result, CUgraph handle);
SOFTCUDA_API CUresult cuGraphNodeFindInClone(CUgraphNode* result, CUgraphNode original, CUgraph clone);
SOFTCUDA_API CUresult cuGraphAddKernelNode_v2(CUgraphNode* result, CUgraph graph, const CUgraphNode* after,
                                              size_t count, const CUDA_KERNEL_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphAddKernelNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                           const CUDA_KERNEL_NODE_PARAMS_v1* p);
SOFTCUDA_API CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1* p);
SOFTCUDA_API CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1* p);
SOFTCUDA_API CUresult cuGraphAddMemcpyNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                           const CUDA_MEMCPY3D* p, CUcontext);
SOFTCUDA_API CUresult cuGraphMemcpyNodeGetParams(CUgraphNode node, CUDA_MEMCPY3D* p);
SOFTCUDA_API CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D* p);
SOFTCUDA_API CUresult cuGraphAddMemsetNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                           const CUDA_MEMSET_NODE_PARAMS* p, CUcontext);
SOFTCUDA_API CUresult cuGraphMemsetNodeGetParams(CUgraphNode node, CUDA_MEMSET_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphMemsetNodeSetParams(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphAddHostNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                         const CUDA_HOST_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphAddChildGraphNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after,
                                               size_t count, CUgraph child);
SOFTCUDA_API CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph* result);
SOFTCUDA_API CUresult cuGraphAddEmptyNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count);
SOFTCUDA_API CUresult cuGraphAddEventRecordNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after,
                                                size_t count, CUevent event);
SOFTCUDA_API CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent* event);
SOFTCUDA_API CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event);
SOFTCUDA_API CUresult cuGraphAddEventWaitNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after,
                                              size_t count, CUevent event);
SOFTCUDA_API CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent* event);
SOFTCUDA_API CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event);
SOFTCUDA_API CUresult cuGraphAddNode_v2(CUgraphNode* result, CUgraph graph, const CUgraphNode* after,
                                        const CUgraphEdgeData*, size_t count, CUgraphNodeParams* p);
SOFTCUDA_API CUresult cuGraphAddNode(CUgraphNode* result, CUgraph graph, const CUgraphNode* after, size_t count,
                                     CUgraphNodeParams* p);
SOFTCUDA_API CUresult cuGraphNodeSetParams(CUgraphNode handle, CUgraphNodeParams* p);
SOFTCUDA_API CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode handle, CUgraphNodeParams* p);
SOFTCUDA_API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type);
SOFTCUDA_API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count);
SOFTCUDA_API CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode* nodes, size_t* count);
SOFTCUDA_API CUresult cuGraphGetEdges(CUgraph handle, CUgraphNode* from, CUgraphNode* to, size_t* count);
SOFTCUDA_API CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data,
                                         size_t* count);
SOFTCUDA_API CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode* nodes, size_t* count);
SOFTCUDA_API CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data,
                                                    size_t* count);
SOFTCUDA_API CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode* nodes, size_t* count);
SOFTCUDA_API CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data,
                                                      size_t* count);
SOFTCUDA_API CUresult cuGraphAddDependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                             size_t count);
SOFTCUDA_API CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                                const CUgraphEdgeData*, size_t count);
SOFTCUDA_API CUresult cuGraphRemoveDependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                                size_t count);
SOFTCUDA_API CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                                   const CUgraphEdgeData*, size_t count);
SOFTCUDA_API CUresult cuGraphDestroyNode(CUgraphNode handle);
SOFTCUDA_API CUresult cuGraphKernelNodeGetAttribute(CUgraphNode node, int which, CUlaunchAttributeValue* value);
SOFTCUDA_API CUresult cuGraphKernelNodeSetAttribute(CUgraphNode node, int which, const CUlaunchAttributeValue* value);
SOFTCUDA_API CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src);
SOFTCUDA_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* result, CUgraph graph, unsigned long long flags);
SOFTCUDA_API CUresult cuGraphInstantiate_v2(CUgraphExec* result, CUgraph graph, CUgraphNode* errorNode, char* log,
                                            size_t size);
SOFTCUDA_API CUresult cuGraphInstantiateWithParams(CUgraphExec* result, CUgraph graph,
                                                   CUDA_GRAPH_INSTANTIATE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphExecGetFlags(CUgraphExec exec, uint64_t* flags);
SOFTCUDA_API CUresult cuGraphExecDestroy(CUgraphExec handle);
SOFTCUDA_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream);
SOFTCUDA_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream streamHandle);
SOFTCUDA_API CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graph, CUgraphExecUpdateResultInfo* info);
SOFTCUDA_API CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode* errorNode,
                                        CUgraphExecUpdateResult* result);
SOFTCUDA_API CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                        const CUDA_KERNEL_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                     const CUDA_KERNEL_NODE_PARAMS_v1* p);
SOFTCUDA_API CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D* p,
                                                     CUcontext);
SOFTCUDA_API CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                     const CUDA_MEMSET_NODE_PARAMS* p, CUcontext);
SOFTCUDA_API CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS* p);
SOFTCUDA_API CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph child);
SOFTCUDA_API CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event);
SOFTCUDA_API CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event);
SOFTCUDA_API CUresult cuGraphNodeSetEnabled(CUgraphExec handle, CUgraphNode node, unsigned int enabled);
SOFTCUDA_API CUresult cuGraphNodeGetEnabled(CUgraphExec handle, CUgraphNode node, unsigned int* enabled);
SOFTCUDA_API CUresult cuGraphDebugDotPrint(CUgraph handle, const char* path, unsigned int);

// Entry points.
SOFTCUDA_API CUresult cuGetProcAddress_v2(const char* name, void** function, int version, uint64_t flags, int* status);
SOFTCUDA_API CUresult cuGetProcAddress(const char* name, void** function, int version, uint64_t flags);
SOFTCUDA_API CUresult cuGetExportTable(const void** table, const CUuuid* id);
SOFTCUDA_API CUresult cuProfilerStart(void);
SOFTCUDA_API CUresult cuProfilerStop(void);

}  // extern "C"
