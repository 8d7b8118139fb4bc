// Runs a loaded SavedModel on raw bytes: every element type that TensorFlow's C API has, bit by bit, without the
// tensor handles of the eager API.
//
//   runSession(modelId, inputs, outputs) -> tensors
//     inputs:  [{op, index, dtype, shape, data}, ...]   dtype: TF_DataType; data: Uint8Array of the elements, or an
//                                                       array of Uint8Array, one a string element
//     outputs: [{op, index}, ...]
//     tensors: [{dtype, shape, data}, ...]              in memory of their own
//   profileSession(modelId, inputs, outputs) -> {tensors, metadata}
//     metadata: a serialized RunMetadata, whose step_stats tell when each node ran
//   tensorFromProto(bytes) -> {dtype, shape, data}      a serialized TensorProto
//
// Throws an Error whose `code` is "TF_<number>", the number of TensorFlow's status, where TensorFlow refuses. What was
// made for a call is freed on every way out of it.
#include "session_run.h"

#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tfjs_backend.h"

namespace pillion {
namespace {

// A JavaScript exception is pending: unwinds to the entry point, which returns to JavaScript.
struct Thrown {};

template <typename T, void (*Delete)(T *)>
struct Deleter {
  void operator()(T *value) const { Delete(value); }
};
using Tensor = std::unique_ptr<TF_Tensor, Deleter<TF_Tensor, TF_DeleteTensor>>;
using Status = std::unique_ptr<TF_Status, Deleter<TF_Status, TF_DeleteStatus>>;
using TfBuffer = std::unique_ptr<TF_Buffer, Deleter<TF_Buffer, TF_DeleteBuffer>>;

[[noreturn]] void Throw(napi_env env, const char *code, const char *message) {
  napi_throw_error(env, code, message);
  throw Thrown{};
}

void Check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending) napi_throw_error(env, nullptr, "a value is not of the kind that the binding wants");
  throw Thrown{};
}

void Check(napi_env env, const Status &status) {
  const TF_Code code = TF_GetCode(status.get());
  if (code == TF_OK) return;
  Throw(env, ("TF_" + std::to_string(code)).c_str(), TF_Message(status.get()));
}

napi_value Property(napi_env env, napi_value object, const char *name) {
  napi_value value;
  Check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

napi_value Element(napi_env env, napi_value array, uint32_t index) {
  napi_value value;
  Check(env, napi_get_element(env, array, index, &value));
  return value;
}

uint32_t Length(napi_env env, napi_value array) {
  uint32_t length;
  Check(env, napi_get_array_length(env, array, &length));
  return length;
}

int32_t Int32(napi_env env, napi_value value) {
  int32_t number;
  Check(env, napi_get_value_int32(env, value, &number));
  return number;
}

std::string String(napi_env env, napi_value value) {
  size_t length;
  Check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length));
  std::string text(length, '\0');
  Check(env, napi_get_value_string_utf8(env, value, &text[0], length + 1, &length));
  return text;
}

struct Bytes {
  const char *data;
  size_t length;
};

Bytes BytesOf(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length;
  void *data;
  Check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  if (type != napi_uint8_array) Throw(env, nullptr, "data is not a Uint8Array");
  return {static_cast<const char *>(data), length};
}

std::vector<int64_t> Shape(napi_env env, napi_value array) {
  std::vector<int64_t> shape(Length(env, array));
  for (uint32_t i = 0; i < shape.size(); i++) Check(env, napi_get_value_int64(env, Element(env, array, i), &shape[i]));
  return shape;
}

size_t ElementCount(const std::vector<int64_t> &shape) {
  size_t count = 1;
  for (int64_t dim : shape) count *= dim;
  return count;
}

// Frees a string tensor's elements when TensorFlow drops its last reference.
void DeallocateStrings(void *data, size_t length, void *) {
  auto *strings = static_cast<TF_TString *>(data);
  for (size_t i = 0; i < length / sizeof(TF_TString); i++) TF_TString_Dealloc(strings + i);
  delete[] strings;
}

Tensor StringTensor(napi_env env, const std::vector<int64_t> &shape, napi_value array) {
  const size_t count = ElementCount(shape);
  if (Length(env, array) != count) Throw(env, nullptr, "the shape asks for another number of strings");
  auto *strings = new TF_TString[count];
  for (size_t i = 0; i < count; i++) TF_TString_Init(strings + i);
  // Owned by the tensor from here on.
  Tensor tensor(TF_NewTensor(TF_STRING, shape.data(), shape.size(), strings, count * sizeof(TF_TString),
                             DeallocateStrings, nullptr));
  for (size_t i = 0; i < count; i++) {
    const Bytes bytes = BytesOf(env, Element(env, array, i));
    TF_TString_Copy(strings + i, bytes.data, bytes.length);
  }
  return tensor;
}

Tensor TensorOf(napi_env env, napi_value input) {
  const auto dtype = static_cast<TF_DataType>(Int32(env, Property(env, input, "dtype")));
  const std::vector<int64_t> shape = Shape(env, Property(env, input, "shape"));
  napi_value data = Property(env, input, "data");
  if (dtype == TF_STRING) return StringTensor(env, shape, data);
  const Bytes bytes = BytesOf(env, data);
  if (bytes.length != ElementCount(shape) * TF_DataTypeSize(dtype)) {
    Throw(env, nullptr, "the shape asks for another number of bytes");
  }
  // A copy: TensorFlow may keep what it is given (a variable that is assigned), and wants it aligned.
  Tensor tensor(TF_AllocateTensor(dtype, shape.data(), shape.size(), bytes.length));
  if (bytes.length > 0) memcpy(TF_TensorData(tensor.get()), bytes.data, bytes.length);
  return tensor;
}

napi_value View(napi_env env, napi_value buffer, size_t offset, size_t length) {
  napi_value view;
  Check(env, napi_create_typedarray(env, napi_uint8_array, length, buffer, offset, &view));
  return view;
}

// An array of views of one buffer that holds all the strings.
napi_value StringsOf(napi_env env, const TF_Tensor *tensor) {
  const auto *strings = static_cast<const TF_TString *>(TF_TensorData(tensor));
  const size_t count = TF_TensorElementCount(tensor);
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += TF_TString_GetSize(strings + i);
  void *to;
  napi_value buffer, array;
  Check(env, napi_create_arraybuffer(env, total, &to, &buffer));
  Check(env, napi_create_array_with_length(env, count, &array));
  size_t offset = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t length = TF_TString_GetSize(strings + i);
    if (length > 0) memcpy(static_cast<char *>(to) + offset, TF_TString_GetDataPointer(strings + i), length);
    Check(env, napi_set_element(env, array, i, View(env, buffer, offset, length)));
    offset += length;
  }
  return array;
}

napi_value BytesOfTensor(napi_env env, const TF_Tensor *tensor) {
  const size_t length = TF_TensorByteSize(tensor);
  void *to;
  napi_value buffer;
  Check(env, napi_create_arraybuffer(env, length, &to, &buffer));
  if (length > 0) memcpy(to, TF_TensorData(tensor), length);
  return View(env, buffer, 0, length);
}

napi_value ObjectOf(napi_env env, const TF_Tensor *tensor) {
  const TF_DataType dtype = TF_TensorType(tensor);
  if (dtype != TF_STRING && TF_DataTypeSize(dtype) == 0) {
    Throw(env, nullptr, "a tensor of resources or variants has no bytes");
  }
  napi_value object, type, shape, dim;
  Check(env, napi_create_object(env, &object));
  Check(env, napi_create_int32(env, dtype, &type));
  const int rank = TF_NumDims(tensor);
  Check(env, napi_create_array_with_length(env, rank, &shape));
  for (int i = 0; i < rank; i++) {
    Check(env, napi_create_int64(env, TF_Dim(tensor, i), &dim));
    Check(env, napi_set_element(env, shape, i, dim));
  }
  napi_value data = dtype == TF_STRING ? StringsOf(env, tensor) : BytesOfTensor(env, tensor);
  Check(env, napi_set_named_property(env, object, "dtype", type));
  Check(env, napi_set_named_property(env, object, "shape", shape));
  Check(env, napi_set_named_property(env, object, "data", data));
  return object;
}

TF_Output Place(napi_env env, TF_Graph *graph, napi_value place) {
  const std::string name = String(env, Property(env, place, "op"));
  TF_Operation *op = TF_GraphOperationByName(graph, name.c_str());
  if (op == nullptr) Throw(env, nullptr, ("the graph has no operation \"" + name + "\"").c_str());
  return {op, Int32(env, Property(env, place, "index"))};
}

std::vector<TF_Output> Places(napi_env env, TF_Graph *graph, napi_value array) {
  std::vector<TF_Output> places(Length(env, array));
  for (uint32_t i = 0; i < places.size(); i++) places[i] = Place(env, graph, Element(env, array, i));
  return places;
}

// A serialized RunOptions: inter_op_thread_pool (3) is -1, so that the calling thread schedules the operations itself. A
// pool that all sessions of the process share would run them one after another.
constexpr char kInCallersThread[] = "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
// The same, and trace_level (1) is FULL_TRACE.
constexpr char kTraced[] = "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x03";

// The outputs as an array. `metadata`: what is written of the run, or nullptr.
napi_value Run(napi_env env, napi_value *args, TF_Buffer *options, TF_Buffer *metadata) {
  tfnodejs::TFJSBackend *backend;
  Check(env, napi_get_instance_data(env, reinterpret_cast<void **>(&backend)));
  TF_Session *session;
  TF_Graph *graph;
  if (!backend->FindSavedModel(Int32(env, args[0]), &session, &graph)) Throw(env, nullptr, "no such SavedModel is open");
  const std::vector<TF_Output> inputs = Places(env, graph, args[1]);
  const std::vector<TF_Output> outputs = Places(env, graph, args[2]);
  std::vector<Tensor> owned;
  std::vector<TF_Tensor *> given, taken(outputs.size(), nullptr);
  for (uint32_t i = 0; i < inputs.size(); i++) {
    owned.push_back(TensorOf(env, Element(env, args[1], i)));
    given.push_back(owned.back().get());
  }
  Status status(TF_NewStatus());
  TF_SessionRun(session, options, inputs.data(), given.data(), given.size(), outputs.data(), taken.data(),
                taken.size(), nullptr, 0, metadata, status.get());
  owned.clear();
  for (TF_Tensor *tensor : taken) owned.emplace_back(tensor);
  Check(env, status);
  napi_value result;
  Check(env, napi_create_array_with_length(env, taken.size(), &result));
  for (uint32_t i = 0; i < taken.size(); i++) Check(env, napi_set_element(env, result, i, ObjectOf(env, taken[i])));
  return result;
}

napi_value RunSession(napi_env env, napi_value *args) {
  static const TF_Buffer options = {kInCallersThread, sizeof(kInCallersThread) - 1, nullptr};
  return Run(env, args, const_cast<TF_Buffer *>(&options), nullptr);
}

napi_value ProfileSession(napi_env env, napi_value *args) {
  TfBuffer options(TF_NewBufferFromString(kTraced, sizeof(kTraced) - 1));
  TfBuffer metadata(TF_NewBuffer());
  napi_value tensors = Run(env, args, options.get(), metadata.get());
  napi_value result, buffer;
  void *to;
  Check(env, napi_create_object(env, &result));
  Check(env, napi_create_arraybuffer(env, metadata->length, &to, &buffer));
  if (metadata->length > 0) memcpy(to, metadata->data, metadata->length);
  Check(env, napi_set_named_property(env, result, "tensors", tensors));
  Check(env, napi_set_named_property(env, result, "metadata", View(env, buffer, 0, metadata->length)));
  return result;
}

napi_value TensorFromProto(napi_env env, napi_value *args) {
  const Bytes bytes = BytesOf(env, args[0]);
  TfBuffer proto(TF_NewBufferFromString(bytes.data, bytes.length));
  // Made only to be filled: its own dtype and shape do not matter.
  Tensor tensor(TF_AllocateTensor(TF_FLOAT, nullptr, 0, sizeof(float)));
  Status status(TF_NewStatus());
  TF_TensorFromProto(proto.get(), tensor.get(), status.get());
  Check(env, status);
  return ObjectOf(env, tensor.get());
}

template <napi_value (*Function)(napi_env, napi_value *), size_t Arguments>
napi_value Entry(napi_env env, napi_callback_info info) {
  size_t count = Arguments;
  napi_value args[Arguments];
  try {
    Check(env, napi_get_cb_info(env, info, &count, args, nullptr, nullptr));
    return Function(env, args);
  } catch (const Thrown &) {
    return nullptr;
  } catch (const std::exception &error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

void Export(napi_env env, napi_value exports, const char *name, napi_callback entry) {
  napi_value function;
  Check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, entry, nullptr, &function));
  Check(env, napi_set_named_property(env, exports, name, function));
}

}  // namespace

void RegisterSessionRun(napi_env env, napi_value exports) {
  try {
    Export(env, exports, "runSession", Entry<RunSession, 3>);
    Export(env, exports, "profileSession", Entry<ProfileSession, 3>);
    Export(env, exports, "tensorFromProto", Entry<TensorFromProto, 1>);
  } catch (const Thrown &) {
    // The exception is pending: requiring the binding throws it.
  }
}

}  // namespace pillion
