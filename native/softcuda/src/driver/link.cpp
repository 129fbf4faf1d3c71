// cuLink*: there is nothing to link to machine code, so a linker takes one PTX input and hands it out again.
#include <fstream>
#include <sstream>

#include "driver/current_context.h"
#include "driver/handles.h"
#include "driver/module.h"

using namespace softcuda::driver;

namespace {

struct Link {
  std::string ptx;
  bool added = false, complete = false;
};

Handles<CUlinkState, Link>& links() {
  static auto* const table = new Handles<CUlinkState, Link>();
  return *table;
}

std::shared_ptr<Link> findLink(CUlinkState handle) {
  auto link = links().find(handle);
  if (link == nullptr) throw Error(CUDA_ERROR_INVALID_HANDLE, "no such linker, or it was destroyed");
  return link;
}

void add(Link& link, int type, std::string text) {
  require(!link.complete, CUDA_ERROR_INVALID_VALUE, "the linker has completed already");
  if (type != CU_JIT_INPUT_PTX && type != CU_JIT_INPUT_FATBINARY) {
    throw Error(CUDA_ERROR_NOT_SUPPORTED,
                "only PTX and fat binaries with PTX can be linked here, not input type " + std::to_string(type));
  }
  if (link.added)
    throw Error(CUDA_ERROR_NOT_SUPPORTED, "linking several PTX files is not supported; compile them as one");
  link.ptx = std::move(text);
  link.added = true;
}

}  // namespace

CUresult cuLinkCreate_v2(unsigned int count, CUjit_option* options, void** values, CUlinkState* result) {
  return contextCall(__func__, [&](Context&) {
    require(result != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    JitOptions(count, options, values);
    *result = links().add(std::make_shared<Link>());
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkAddData_v2(CUlinkState handle, int type, void* data, size_t size, const char*, unsigned int count,
                          CUjit_option* options, void** values) {
  return contextCall(__func__, [&](Context&) {
    require(data != nullptr && size > 0, CUDA_ERROR_INVALID_VALUE, "no data");
    JitOptions(count, options, values);
    std::string bytes(static_cast<const char*>(data), size);
    add(*findLink(handle), type, ptxOf(bytes.c_str()));
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkAddFile_v2(CUlinkState handle, int type, const char* path, unsigned int count, CUjit_option* options,
                          void** values) {
  return contextCall(__func__, [&](Context&) {
    require(path != nullptr, CUDA_ERROR_INVALID_VALUE, "null path");
    JitOptions(count, options, values);
    std::ifstream in(path, std::ios::binary);
    if (!in) throw Error(CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot open ") + path);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    add(*findLink(handle), type, ptxOf(bytes.str().c_str()));
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkComplete(CUlinkState handle, void** image, size_t* size) {
  return contextCall(__func__, [&](Context&) {
    require(image != nullptr, CUDA_ERROR_INVALID_VALUE, "null result pointer");
    const auto link = findLink(handle);
    require(link->added, CUDA_ERROR_INVALID_VALUE, "nothing was added to the linker");
    link->complete = true;
    *image = link->ptx.data();
    if (size != nullptr) *size = link->ptx.size() + 1;
    return CUDA_SUCCESS;
  });
}

CUresult cuLinkDestroy(CUlinkState handle) {
  return contextCall(__func__, [&](Context&) {
    findLink(handle);
    links().remove(handle);
    return CUDA_SUCCESS;
  });
}
