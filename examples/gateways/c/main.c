/* Classifies a digit, trains a few steps, classifies it again: the module as C (wasm2c), without an engine. */
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "model.h"

static unsigned char data[33 * 65];

static void pixels(float *values, int from, int rows) {
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < 64; i++) values[row * 64 + i] = data[(from + row) * 65 + i] / 16.0f;
}

static unsigned bits(float value) {
  unsigned word;
  memcpy(&word, &value, sizeof word);
  return word;
}

static void classify(w2c_digits *model, void *memory) {
  pixels(digits_infer_input(memory), 0, 1);
  w2c_digits_infer(model);
  const float *scores = digits_infer_predictions(memory);
  unsigned best = 0;
  for (unsigned i = 0; i < DIGITS_INFER_PREDICTIONS_LENGTH; i++)
    if (scores[i] > scores[best]) best = i;
  printf("a %d looks like a %u:", data[64], best);
  for (unsigned i = 0; i < DIGITS_INFER_PREDICTIONS_LENGTH; i++) printf(" %08x", bits(scores[i]));
  printf("\n");
}

int main(void) {
  FILE *file = fopen("digits.bin", "rb");
  if (!file || fread(data, 1, sizeof data, file) != sizeof data) {
    fprintf(stderr, "digits.bin cannot be read\n");
    return 1;
  }
  fclose(file);

  w2c_digits model;
  wasm_rt_init();
  wasm2c_digits_instantiate(&model);
  void *memory = w2c_digits_memory(&model)->data;
  if (w2c_digits_abi_version(&model) != DIGITS_ABI_VERSION) return 1;

  classify(&model, memory);
  for (int step = 1; step <= 5; step++) {
    pixels(digits_train_step_input(memory), 1, 32);
    for (int i = 0; i < 32; i++) digits_train_step_labels(memory)[i] = data[(1 + i) * 65 + 64];
    w2c_digits_train_step(&model);
    printf("step %d: loss %08x\n", step, bits(*digits_train_step_loss(memory)));
  }
  classify(&model, memory);
  wasm2c_digits_free(&model);
  wasm_rt_free();
  return 0;
}
