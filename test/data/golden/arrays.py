# Writes arrays.json: .npy, .npz and .wav files as numpy 2 and Python's wave make them. Run: python arrays.py
import base64, io, json, wave
import numpy as np
b64 = lambda b: base64.b64encode(bytes(b)).decode()
arrays = {}
rng = np.random.default_rng(1)
for dtype in ['u1', 'i1', 'b1', '<u2', '<i2', '>i2', '<u4', '<i4', '<i8', '<u8', '<f2', '<f4', '>f4', '<f8']:
    for order in 'CF':
        a = np.array(rng.integers(0, 100, (2, 3, 4)), order=order).astype(dtype, order=order)
        if a.dtype.kind == 'f': a = (a / 7).astype(dtype, order=order)
        if a.dtype.kind == 'i': a = -a
        out = io.BytesIO(); np.save(out, a)
        arrays[f'{dtype}{order}'] = {'file': b64(out.getvalue()), 'values': a.astype(np.float64).ravel().tolist(), 'shape': list(a.shape)}
npz = {}
x, y = rng.standard_normal((5, 2)).astype(np.float32), np.arange(5)
for name, save in [('stored', np.savez), ('deflated', np.savez_compressed)]:
    out = io.BytesIO(); save(out, x=x, y=y); npz[name] = b64(out.getvalue())
def wav(width, channels, values):
    out = io.BytesIO()
    with wave.open(out, 'wb') as w:
        w.setnchannels(channels); w.setsampwidth(width); w.setframerate(8000)
        for v in values: w.writeframesraw((v + 128).to_bytes(1, 'little') if width == 1 else v.to_bytes(width, 'little', signed=True))
    return b64(out.getvalue())
sounds = {f'{8 * width}': {'file': wav(width, 2, [round(v * (2 ** (8 * width - 1) - 1)) for v in [0, .5, -.5, -1, 1, .25]])} for width in (1, 2, 3, 4)}
json.dump({'origin': 'test/data/golden/arrays.py, numpy 2', 'arrays': arrays, 'npz': npz, 'x': x.ravel().tolist(), 'sounds': sounds}, open('arrays.json', 'w'), indent=0)
