/* Classifies a digit, trains a few steps, classifies it again: the module in the interpreter of WAMR. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "wasm_export.h"

#define STACK (64 * 1024)

static unsigned char data[33 * 65];
static wasm_module_inst_t instance;
static wasm_exec_env_t env;

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static unsigned char *read_file(const char *name, uint32_t *bytes) {
  FILE *file = fopen(name, "rb");
  if (!file) fail(name);
  fseek(file, 0, SEEK_END);
  *bytes = (uint32_t)ftell(file);
  rewind(file);
  unsigned char *read = malloc(*bytes);
  if (!read || fread(read, 1, *bytes, file) != *bytes) fail(name);
  fclose(file);
  return read;
}

/* Calls an export without parameters; returns its i32, if it has one. */
static uint32_t call(const char *name) {
  uint32_t result[1] = {0};
  wasm_function_inst_t function = wasm_runtime_lookup_function(instance, name, NULL);
  if (!function || !wasm_runtime_call_wasm(env, function, 0, result)) fail(name);
  return result[0];
}

static void pixels(float *values, int from, int rows) {
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < 64; i++) values[row * 64 + i] = data[(from + row) * 65 + i] / 16.0f;
}

static unsigned bits(float value) {
  unsigned word;
  memcpy(&word, &value, sizeof word);
  return word;
}

static void classify(void *memory) {
  pixels(digits_infer_input(memory), 0, 1);
  call("infer");
  const float *scores = digits_infer_predictions(memory);
  unsigned best = 0;
  for (unsigned i = 0; i < DIGITS_INFER_PREDICTIONS_LENGTH; i++)
    if (scores[i] > scores[best]) best = i;
  printf("a %d looks like a %u:", data[64], best);
  for (unsigned i = 0; i < DIGITS_INFER_PREDICTIONS_LENGTH; i++) printf(" %08x", bits(scores[i]));
  printf("\n");
}

int main(void) {
  char error[128];
  uint32_t bytes;
  unsigned char *digits = read_file("digits.bin", &bytes);
  if (bytes != sizeof data) fail("digits.bin");
  memcpy(data, digits, sizeof data);
  unsigned char *wasm = read_file("digits.wasm", &bytes);
  if (!wasm_runtime_init()) fail("WAMR does not start");
  wasm_module_t module = wasm_runtime_load(wasm, bytes, error, sizeof error);
  if (!module) fail(error);
  instance = wasm_runtime_instantiate(module, STACK, 0, error, sizeof error);
  if (!instance) fail(error);
  env = wasm_runtime_create_exec_env(instance, STACK);
  if (call("abi_version") != DIGITS_ABI_VERSION) fail("digits.wasm has another ABI");
  void *memory = wasm_runtime_addr_app_to_native(instance, 0);

  classify(memory);
  for (int step = 1; step <= 5; step++) {
    pixels(digits_train_step_input(memory), 1, 32);
    for (int i = 0; i < 32; i++) digits_train_step_labels(memory)[i] = data[(1 + i) * 65 + 64];
    call("train_step");
    printf("step %d: loss %08x\n", step, bits(*digits_train_step_loss(memory)));
  }
  classify(memory);
  wasm_runtime_destroy_exec_env(env);
  wasm_runtime_deinstantiate(instance);
  wasm_runtime_unload(module);
  wasm_runtime_destroy();
  return 0;
}
