// Placeholder until the whole API is declared.
#pragma once
#include "driver/abi.h"
#define SOFTCUDA_API __attribute__((visibility("default")))
extern "C" {
SOFTCUDA_API CUresult cuGetErrorString(CUresult error, const char** text);
SOFTCUDA_API CUresult cuGetErrorName(CUresult error, const char** name);
}
