"""Classifies a digit, trains a few steps, classifies it again: the module in wasm3, by the ABI itself."""

import struct
from pathlib import Path

import wasm3

here = Path(__file__).parent
STACK = 64 * 1024
INFER, TRAIN_STEP = 0, 1

environment = wasm3.Environment()
runtime = environment.new_runtime(STACK)
runtime.load(environment.parse_module((here / "digits.wasm").read_bytes()))
call = {
    name: runtime.find_function(name)
    for name in ("abi_version", "input", "input_count", "output", "output_count", "infer", "train_step")
}
memory = runtime.get_memory(0)
if call["abi_version"]() != 1:
    raise SystemExit("digits.wasm has another ABI")


def tensor(table, method, wanted):
    """Address and bytes of a tensor by name: a thimble_tensor is data, bytes, dtype, rank, shape, name."""
    for index in range(call[f"{table}_count"](method)):
        data, size, _, _, _, name = struct.unpack_from("<6I", memory, call[table](method, index))
        end = name
        while memory[end]:
            end += 1
        if bytes(memory[name:end]).decode() == wanted:
            return data, size
    raise SystemExit(f"digits.wasm has no {table} {wanted}")


def write(method, name, form, values):
    data, _ = tensor("input", method, name)
    struct.pack_into(f"<{len(values)}{form}", memory, data, *values)


def words(method, name):
    data, size = tensor("output", method, name)
    return struct.unpack_from(f"<{size // 4}I", memory, data)


digits = list(struct.iter_unpack("65B", (here / "digits.bin").read_bytes()))
pixels = [[value / 16 for value in row[:64]] for row in digits]
labels = [row[64] for row in digits]


def classify():
    write(INFER, "input", "f", pixels[0])
    call["infer"]()
    bits = words(INFER, "predictions")
    scores = struct.unpack(f"<{len(bits)}f", struct.pack(f"<{len(bits)}I", *bits))
    print(f"a {labels[0]} looks like a {scores.index(max(scores))}: {' '.join(f'{word:08x}' for word in bits)}")


classify()
for step in range(5):
    write(TRAIN_STEP, "input", "f", [value for row in pixels[1:33] for value in row])
    write(TRAIN_STEP, "labels", "i", labels[1:33])
    call["train_step"]()
    print(f"step {step + 1}: loss {words(TRAIN_STEP, 'loss')[0]:08x}")
classify()
