// Values that each thread has of its own and that outlast the main thread: destructors of static objects run when its
// thread_local objects are gone, and they may still call the driver.
#pragma once
#include <sys/syscall.h>
#include <unistd.h>

namespace softcuda::driver {

// The calling thread's T; `Tag` tells several of one type apart.
template <typename T, typename Tag>
T& ofThisThread() {
  struct Owner {
    T*& value;
    ~Owner() {
      delete value;
      value = nullptr;
    }
  };
  thread_local T* value = nullptr;
  if (value == nullptr) {
    value = new T();
    if (syscall(SYS_gettid) != getpid()) thread_local const Owner owner{value};
  }
  return *value;
}

}  // namespace softcuda::driver
