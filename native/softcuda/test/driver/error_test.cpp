#include <string>

#include "check.h"
#include "driver/api.h"

TEST(namesAndTexts) {
  const char* text = nullptr;
  REQUIRE_EQ(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text), CUDA_SUCCESS);
  CHECK_EQ(std::string(text), "CUDA_ERROR_ILLEGAL_ADDRESS");
  REQUIRE_EQ(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text), CUDA_SUCCESS);
  CHECK_EQ(std::string(text), "an illegal memory access was encountered");
  REQUIRE_EQ(cuGetErrorString(CUDA_SUCCESS, &text), CUDA_SUCCESS);
  CHECK_EQ(std::string(text), "no error");
}

TEST(unknownCodesGiveNull) {
  const char* text = "unchanged";
  CHECK_EQ(cuGetErrorName(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
  CHECK(text == nullptr);
  text = "unchanged";
  CHECK_EQ(cuGetErrorString(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
  CHECK(text == nullptr);
  CHECK_EQ(cuGetErrorName(CUDA_SUCCESS, nullptr), CUDA_ERROR_INVALID_VALUE);
}

MAIN()
