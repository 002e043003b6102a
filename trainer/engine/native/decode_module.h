// The decoder's part of the door to JavaScript.
#pragma once
#include <node_api.h>

namespace touchstone {

void export_decoder(napi_env env, napi_value exports);

}  // namespace touchstone
