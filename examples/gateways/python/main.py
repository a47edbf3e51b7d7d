"""Classifies a digit, trains a few steps, classifies it again: the module in wasmtime."""

from pathlib import Path

import numpy as np

from digits import Digits

here = Path(__file__).parent
model = Digits((here / "digits.wasm").read_bytes())
data = np.frombuffer((here / "digits.bin").read_bytes(), np.uint8).reshape(-1, 65)
pixels = (data[:, :64] / 16).astype(np.float32)


def classify():
    scores = model.infer(pixels[:1]).predictions
    bits = " ".join(f"{word:08x}" for word in scores.view(np.uint32).ravel())
    print(f"a {data[0, 64]} looks like a {scores.argmax()}: {bits}")


classify()
for step in range(5):
    loss = model.train_step(pixels[1:33], data[1:33, 64]).loss
    print(f"step {step + 1}: loss {loss.reshape(1).view(np.uint32)[0]:08x}")
classify()
