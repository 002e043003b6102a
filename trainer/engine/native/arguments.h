// Reading the arguments of a call from JavaScript.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <cstdio>

namespace touchstone {

// Arguments of a call, read in order. After the first that does not fit, `failed` is set and an exception waits.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    count_ = MOST;
    napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr);
  }

  double number() {
    double value = 0;
    if (next_ >= count_ || napi_get_value_double(env_, values_[next_], &value) != napi_ok) fail("a number");
    next_++;
    return value;
  }
  double number_or(double otherwise) { return absent() ? otherwise : number(); }
  long integer() { return (long)number(); }
  bool flag() {
    bool value = false;
    if (next_ >= count_ || napi_get_value_bool(env_, values_[next_], &value) != napi_ok) fail("a boolean");
    next_++;
    return value;
  }
  float* floats(long least) { return static_cast<float*>(array(napi_float32_array, least, "a Float32Array")); }
  int32_t* ints(long least) { return static_cast<int32_t*>(array(napi_int32_array, least, "an Int32Array")); }
  double* doubles(long least) { return static_cast<double*>(array(napi_float64_array, least, "a Float64Array")); }
  float* floats_or_null(long least) { return absent() ? nullptr : floats(least); }
  int32_t* ints_or_null(long least) { return absent() ? nullptr : ints(least); }

  bool failed = false;

 private:
  static constexpr size_t MOST = 24;

  bool absent() {
    napi_valuetype type = napi_undefined;
    if (next_ < count_) napi_typeof(env_, values_[next_], &type);
    if (type != napi_null && type != napi_undefined) return false;
    next_++;
    return true;
  }

  void* array(napi_typedarray_type wanted, long least, const char* kind) {
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    const bool read = next_ < count_ &&
                      napi_get_typedarray_info(env_, values_[next_], &type, &length, &data, nullptr, nullptr) == napi_ok;
    if (!read || type != wanted || (long)length < least) {
      char expected[80];
      std::snprintf(expected, sizeof expected, "%s of at least %ld elements", kind, least);
      fail(expected);
    }
    next_++;
    return data;
  }

  void fail(const char* expected) {
    if (!failed) {
      char message[160];
      std::snprintf(message, sizeof message, "native kernel: argument %zu: expected %s", next_ + 1, expected);
      napi_throw_type_error(env_, nullptr, message);
    }
    failed = true;
  }

  napi_env env_;
  size_t count_;
  size_t next_ = 0;
  napi_value values_[MOST];
};

}  // namespace touchstone
