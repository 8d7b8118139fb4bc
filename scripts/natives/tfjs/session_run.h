// Runs a loaded SavedModel on raw bytes; see session_run.cc.
#ifndef PILLION_SESSION_RUN_H_
#define PILLION_SESSION_RUN_H_

#include <node_api.h>

namespace pillion {

// Adds runSession, profileSession and tensorFromProto to the binding's exports.
void RegisterSessionRun(napi_env env, napi_value exports);

}  // namespace pillion

#endif  // PILLION_SESSION_RUN_H_
