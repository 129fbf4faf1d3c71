# The operations are written as loops over 32 lanes for the compiler to vectorise. Neither flag changes a result:
# nothing reads errno or the floating-point exception flags.
file(GLOB SOFTCUDA_LEVEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/ops/levels/*.cpp)
foreach(source ${SOFTCUDA_LEVEL_SOURCES})
  set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -O3 -fno-math-errno -fno-trapping-math)
  if(source MATCHES "_avx512\\.cpp$")
    set_property(SOURCE ${source} APPEND PROPERTY COMPILE_OPTIONS -mprefer-vector-width=512)
  endif()
endforeach()
